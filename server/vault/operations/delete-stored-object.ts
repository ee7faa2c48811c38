import { deleteStoredObject as operation } from "@keystead/contract/operations/delete-stored-object";
import { handler } from "./handler.ts";
import { sightOf } from "./stored-object-message.ts";

/** Removes a stored object. */
export const deleteStoredObject = handler(operation, async ({ namespace, principal, request }, { storedObjects }) => {
  const { objectId } = request;
  const change = await storedObjects.remove(namespace, objectId, sightOf(principal, request.private));
  return { reply: { objectId }, change, keyId: objectId };
});
