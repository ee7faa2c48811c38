import { reauthenticate as operation } from "@keystead/contract/operations/reauthenticate";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { wipe } from "@keystead/crypto/wipe";
import { pinOf } from "../authenticate/subjects.ts";
import { ownName } from "./caller.ts";
import { handler } from "./handler.ts";

/** A token for one request of the caller's session, for their PIN or password once more. */
export const reauthenticate = handler(operation, async ({ principal, request }, { identity }) => {
  const argon2 = identity.argon2(principal.id);
  const pin = pinOf(principal.id);
  try {
    if (pin === undefined) await identity.users.confirm(ownName(principal), request.secret, argon2);
    else await identity.tokens.confirm(pin.token, pin.role, request.secret, argon2);
  } finally {
    wipe(request.secret);
  }
  const { accessToken, expiresAt } = await identity.sessions.reauthenticated(principal);
  return { reply: { accessToken, expiresAt: timestampFromMs(expiresAt) } };
});
