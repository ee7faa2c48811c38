import { getUser as operation } from "@keystead/contract/operations/get-user";
import { isOwn, ownName } from "./caller.ts";
import { knownTo, userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** What is known of a user, or of the caller. */
export const getUser = handler(operation, async ({ request, principal }, { identity }) => {
  const name = request.name === "" ? ownName(principal) : request.name;
  const user = userMessage(name, identity.users.getFor(principal, name), identity);
  return { reply: { user: isOwn(principal, name) ? user : knownTo(principal, user) } };
});
