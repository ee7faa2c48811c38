import { setPassword as operation } from "@keystead/contract/operations/set-password";
import { wipe } from "@keystead/crypto/wipe";
import { isOwn, ownName } from "./caller.ts";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Sets the caller's password, or somebody's. */
export const setPassword = handler(operation, async ({ request, principal }, { identity }) => {
  const argon2 = identity.argon2(principal.id);
  const name = request.name === "" ? ownName(principal) : request.name;
  try {
    const { record, change } =
      request.name === ""
        ? await identity.users.changePassword(name, request.currentPassword, request.password, argon2)
        : await identity.users.resetPassword(principal, name, request.password, argon2);
    return { reply: { user: userMessage(name, record, identity) }, change, endsOwnSession: isOwn(principal, name) };
  } finally {
    wipe(request.password, request.currentPassword);
  }
});
