import { listNamespaces as operation } from "@keystead/contract/operations/list-namespaces";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** The namespaces within the caller's reach, and no word of any other. */
export const listNamespaces = handler(operation, async ({ hidden }, { objects }) => {
  const kept = hidden();
  const visible = (await objects.namespaces()).filter(({ namespace }) => !kept.has(namespace));
  return { reply: { namespaces: visible.map((one) => namespaceMessage(one)) } };
});
