import { cancelNamespaceDeletion as operation } from "@keystead/contract/operations/cancel-namespace-deletion";
import { HsmError } from "@keystead/contract/errors";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** Takes a deletion back; once something is destroyed it is too late. */
export const cancelNamespaceDeletion = handler(operation, async ({ namespace }, { objects }) => {
  const { described, change } = await objects.alterNamespace(namespace, ({ deletion, ...rest }) => {
    if (deletion === undefined) throw new HsmError("KEY_STATE_FORBIDS", `no deletion of the namespace '${namespace}' is scheduled`);
    if (deletion.gone !== undefined) throw new HsmError("KEY_STATE_FORBIDS", `the namespace '${namespace}' is being destroyed`);
    return rest;
  });
  return { reply: { namespace: namespaceMessage(described) }, change };
});
