import { listTokens as operation } from "@keystead/contract/operations/list-tokens";
import { handler } from "./handler.ts";
import { tokenMessage } from "./token-message.ts";

/** The tokens of the namespaces within the caller's reach; whoever came by a PIN sees that token. */
export const listTokens = handler(operation, async ({ principal, hidden }, { identity }) => {
  const kept = hidden();
  const visible = identity.tokens.listFor(principal).filter(({ record }) => !kept.has(record.namespace));
  return { reply: { tokens: visible.map(({ name, record }) => tokenMessage(name, record, identity)) } };
});
