import { getUser as operation } from "@keystead/contract/operations/get-user";
import { ownName } from "./caller.ts";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** What is known of a user, or of the caller. */
export const getUser = handler(operation, async ({ request, principal }, { identity }) => {
  const name = request.name === "" ? ownName(principal) : request.name;
  return { reply: { user: userMessage(name, identity.users.get(name), identity) } };
});
