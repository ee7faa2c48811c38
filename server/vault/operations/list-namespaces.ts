import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { listNamespaces as operation } from "@keystead/contract/operations/list-namespaces";
import { handler } from "./handler.ts";

/** The namespaces within the caller's reach, and no word of any other. */
export const listNamespaces = handler(operation, async ({ principal }, { objects }) => {
  const within = principal.namespaces;
  const all = await objects.namespaces();
  const visible = within === "all" ? all : all.filter(({ namespace }) => within.has(namespace));
  return { reply: { namespaces: visible.map(({ namespace, attributes }) => ({ namespace, description: attributes.description, createdAt: timestampFromMs(attributes.createdAt), maxKeys: attributes.maxKeys })) } };
});
