import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createNamespace as operation } from "@keystead/contract/operations/create-namespace";
import type { DescribedNamespace } from "../objects/objects.ts";
import { handler } from "./handler.ts";

/** The public message of a namespace. */
export const namespaceMessage = ({
  namespace,
  attributes,
}: DescribedNamespace): { namespace: string; description: string; createdAt: ReturnType<typeof timestampFromMs>; maxKeys: number } => ({
  namespace,
  description: attributes.description,
  createdAt: timestampFromMs(attributes.createdAt),
  maxKeys: attributes.maxKeys,
});

/** Makes a namespace with a key-encryption key of its own. */
export const createNamespace = handler(operation, async ({ request }, { objects }) => {
  const { described, change } = await objects.createNamespace(request.namespace, request.description, request.maxKeys);
  return { reply: { namespace: namespaceMessage(described) }, namespace: request.namespace, change };
});
