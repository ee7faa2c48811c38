import { getStoredObject as operation } from "@keystead/contract/operations/get-stored-object";
import { handler } from "./handler.ts";
import { sightOf, storedObjectMessage } from "./stored-object-message.ts";

/** One stored object with its value. */
export const getStoredObject = handler(operation, async ({ namespace, principal, request }, { storedObjects }) => {
  const found = storedObjects.get(namespace, request.objectId, sightOf(principal, request.private));
  const value = await storedObjects.value(request.objectId);
  return { reply: { object: storedObjectMessage(found, value) }, keyId: request.objectId, secrets: [value] };
});
