import { getNamespace as operation } from "@keystead/contract/operations/get-namespace";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** One namespace, with the number of its keys and sessions. */
export const getNamespace = handler(operation, async ({ namespace }, { objects, identity }) => {
  const described = await objects.describeNamespace(namespace);
  const keys = await objects.count(namespace, { algorithm: undefined, state: undefined, tags: [] });
  return { reply: { namespace: namespaceMessage(described, keys, identity.sessions.inNamespace(namespace)) } };
});
