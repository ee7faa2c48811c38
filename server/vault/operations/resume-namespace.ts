import { resumeNamespace as operation } from "@keystead/contract/operations/resume-namespace";
import { HsmError } from "@keystead/contract/errors";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** Ends a suspension. */
export const resumeNamespace = handler(operation, async ({ namespace }, { objects }) => {
  const { described, change } = await objects.alterNamespace(namespace, ({ suspension, ...rest }) => {
    if (suspension === undefined) throw new HsmError("KEY_STATE_FORBIDS", `the namespace '${namespace}' is not suspended`);
    return rest;
  });
  return { reply: { namespace: namespaceMessage(described) }, change };
});
