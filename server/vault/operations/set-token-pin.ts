import { setTokenPin as operation } from "@keystead/contract/operations/set-token-pin";
import { wipe } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";

/** Changes the PIN that opened the session. */
export const setTokenPin = handler(operation, async ({ principal, request }, { identity }) => {
  const { oldPin, newPin } = request;
  try {
    const changed = await identity.tokens.changePin(principal, oldPin, newPin, identity.argon2(principal.id));
    const { name, record, change, warnings } = changed;
    return { reply: { name, warnings: [...warnings] }, change, endsOwnSession: true, namespace: record.namespace };
  } finally {
    wipe(oldPin, newPin);
  }
});
