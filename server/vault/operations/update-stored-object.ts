import { updateStoredObject as operation } from "@keystead/contract/operations/update-stored-object";
import { handler } from "./handler.ts";
import { sightOf, someText, storedObjectMessage } from "./stored-object-message.ts";

/** Changes what a stored object says; what is left out stays. */
export const updateStoredObject = handler(operation, async ({ namespace, principal, request }, { storedObjects }) => {
  const { objectId, label, application, trusted, value } = request;
  const changes = { label, id: someText(request.id), application, dataObjectId: someText(request.dataObjectId), trusted, value };
  const sight = sightOf(principal, request.private);
  const { found, change } = await storedObjects.update(namespace, objectId, sight, changes);
  return { reply: { object: storedObjectMessage(found) }, change, keyId: objectId };
});
