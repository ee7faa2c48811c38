import { removeFactor as operation } from "@keystead/contract/operations/remove-factor";
import { wipe } from "@keystead/crypto/wipe";
import { isOwn, ownName } from "./caller.ts";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Takes a second factor away. */
export const removeFactor = handler(operation, async ({ request, principal }, { identity }) => {
  const name = request.name === "" ? ownName(principal) : request.name;
  try {
    const { record, change } =
      request.name === ""
        ? await identity.factors.removeOwn(name, request.factorId, request.currentPassword, identity.argon2(principal.id))
        : await identity.factors.removeOf(principal, name, request.factorId);
    return { reply: { user: userMessage(name, record, identity) }, change, endsOwnSession: isOwn(principal, name) };
  } finally {
    wipe(request.currentPassword);
  }
});
