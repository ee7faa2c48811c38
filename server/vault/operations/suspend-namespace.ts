import { suspendNamespace as operation } from "@keystead/contract/operations/suspend-namespace";
import { HsmError } from "@keystead/contract/errors";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** From the moment this is durable nothing in the namespace is used (limits/namespace-gate.ts). */
export const suspendNamespace = handler(operation, async ({ namespace, principal, request }, { objects }) => {
  const { described, change } = await objects.alterNamespace(namespace, (before, now) => {
    if (before.suspension !== undefined) throw new HsmError("KEY_STATE_FORBIDS", `the namespace '${namespace}' is suspended already`);
    return { ...before, suspension: { since: now, by: principal.id, reason: request.reason } };
  });
  return { reply: { namespace: namespaceMessage(described) }, change };
});
