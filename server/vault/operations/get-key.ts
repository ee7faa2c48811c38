import { getKey as operation } from "@keystead/contract/operations/get-key";
import { handler } from "./handler.ts";
import { keyMessage } from "./key-message.ts";

/** Metadata of one key. */
export const getKey = handler(operation, async ({ namespace, request }, { objects }) => {
  const described = await objects.describe(namespace, request.keyId);
  return { reply: { key: keyMessage(described) }, version: described.attributes.current };
});
