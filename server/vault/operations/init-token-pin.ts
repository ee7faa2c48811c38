import { initTokenPin as operation } from "@keystead/contract/operations/init-token-pin";
import { wipe } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";

/** Sets the user PIN of the caller's token. */
export const initTokenPin = handler(operation, async ({ principal, request }, { identity }) => {
  try {
    const { name, record, change, warnings } = await identity.tokens.initializePin(principal, request.pin, identity.argon2(principal.id));
    return { reply: { name, warnings: [...warnings] }, change, namespace: record.namespace };
  } finally {
    wipe(request.pin);
  }
});
