import { HsmError } from "@keystead/contract/errors";
import { deleteKey as operation } from "@keystead/contract/operations/delete-key";
import { handler } from "./handler.ts";
import { keyMessage } from "./key-message.ts";

/** Destroys the material of every version, now. What the key protected is lost with it. DestroyKey leaves time to think. */
export const deleteKey = handler(operation, async ({ namespace, request }, { objects, destruction }) => {
  if (destruction.minDelaySeconds > 0)
    throw new HsmError("INVALID_REQUEST", "keys are not destroyed at once here (lifecycle.min_destruction_delay_seconds): use DestroyKey");
  const { described, change } = await objects.destroy(namespace, request.keyId);
  return { reply: { keyId: request.keyId, key: keyMessage(described) }, version: described.attributes.current, change };
});
