import { updateUser as operation } from "@keystead/contract/operations/update-user";
import { isOwn } from "./caller.ts";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Changes what a user is called and may do. */
export const updateUser = handler(operation, async ({ request, principal }, { identity }) => {
  const { record, change } = await identity.users.update(principal, request.name, request);
  return { reply: { user: userMessage(request.name, record, identity) }, change, endsOwnSession: isOwn(principal, request.name) };
});
