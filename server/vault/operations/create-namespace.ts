import { createNamespace as operation } from "@keystead/contract/operations/create-namespace";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** Makes a namespace with a key-encryption key of its own. */
export const createNamespace = handler(operation, async ({ request }, { objects }) => {
  const { described, change } = await objects.createNamespace(request.namespace, request.description, request.maxKeys);
  return { reply: { namespace: namespaceMessage(described) }, namespace: request.namespace, change };
});
