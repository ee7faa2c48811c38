import { deleteKey as operation } from "@keystead/contract/operations/delete-key";
import { handler } from "./handler.ts";
import { keyMessage } from "./key-message.ts";

/** Destroys the material of every version. What the key protected is lost with it. */
export const deleteKey = handler(operation, async ({ namespace, request }, { objects }) => {
  const { described, change } = await objects.destroy(namespace, request.keyId);
  return { reply: { keyId: request.keyId, key: keyMessage(described) }, version: described.attributes.current, change };
});
