import { deleteToken as operation } from "@keystead/contract/operations/delete-token";
import { handler } from "./handler.ts";

/** Removes a token; the keys of its view stay. */
export const deleteToken = handler(operation, async ({ namespace, principal, request }, { identity }) => {
  const change = await identity.tokens.remove(principal, namespace, request.name);
  return { reply: { name: request.name }, change };
});
