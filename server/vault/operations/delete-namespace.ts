import { deleteNamespace as operation } from "@keystead/contract/operations/delete-namespace";
import { HsmError } from "@keystead/contract/errors";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** Schedules the end of a namespace. */
export const deleteNamespace = handler(operation, async ({ namespace, principal, request }, { objects, namespaceDeletion }) => {
  const delaySeconds = request.delaySeconds ?? namespaceDeletion.delaySeconds;
  if (delaySeconds < namespaceDeletion.minDelaySeconds)
    throw new HsmError("INVALID_REQUEST", `delay_seconds: at least ${namespaceDeletion.minDelaySeconds} are configured`);
  const { described, change } = await objects.alterNamespace(namespace, (before, now) => {
    if (before.deletion !== undefined) throw new HsmError("KEY_STATE_FORBIDS", `the namespace '${namespace}' is to be deleted already`);
    return { ...before, deletion: { since: now, by: principal.id, reason: request.reason, at: now + delaySeconds * 1000 } };
  });
  const keys = await objects.count(namespace, { algorithm: undefined, state: undefined, tags: [] });
  return { reply: { namespace: namespaceMessage(described, keys) }, change };
});
