import { deleteKey as operation } from "@keystead/contract/operations/delete-key";
import { handler } from "./handler.ts";
import { keyMessage } from "./key-message.ts";

/** Destroys the material of every version, now. What the key protected is lost with it. DestroyKey leaves time to think. */
export const deleteKey = handler(operation, async ({ namespace, request }, { objects, destruction }) => {
  const { described, change } = await objects.destroy(namespace, request.keyId, destruction.minDelaySeconds);
  return { reply: { keyId: request.keyId, key: keyMessage(described) }, version: described.attributes.current, change };
});
