import { deleteUser as operation } from "@keystead/contract/operations/delete-user";
import { isOwn } from "./caller.ts";
import { handler } from "./handler.ts";

/** Removes a user with their sessions. */
export const deleteUser = handler(operation, async ({ request, principal }, { identity }) => {
  const change = await identity.users.remove(principal, request.name);
  return { reply: { name: request.name }, change, endsOwnSession: isOwn(principal, request.name) };
});
