import { setPolicy as operation } from "@keystead/contract/operations/set-policy";
import { handler } from "./handler.ts";
import { versionMessage } from "./policy-message.ts";

/** The next version of the policy, in force once it is durable. */
export const setPolicy = handler(operation, async ({ principal, address, request }, { policy }) => {
  const { record, change } = await policy.prepare(request.document, request.expectedVersion, request.comment, { principal, address });
  // The same document once more, by somebody who may not have had the answer: nothing changes.
  return { reply: { policy: versionMessage(record) }, version: record.version, ...(change === undefined ? {} : { change }) };
});
