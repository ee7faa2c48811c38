import { listUsers as operation } from "@keystead/contract/operations/list-users";
import { mayKnowOf } from "../authenticate/subjects.ts";
import { knownTo, userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Every user whom the caller may know of. */
export const listUsers = handler(operation, async ({ principal }, { identity }) => {
  const known = identity.users.list().filter(({ value }) => mayKnowOf(principal, value));
  return { reply: { users: known.map(({ id, value }) => knownTo(principal, userMessage(id, value, identity))) } };
});
