import { listUsers as operation } from "@keystead/contract/operations/list-users";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Every user. */
export const listUsers = handler(operation, async (_, { identity }) => {
  return { reply: { users: identity.users.list().map(({ id, value }) => userMessage(id, value, identity)) } };
});
