import { HsmError } from "@keystead/contract/errors";
import { getPolicy as operation } from "@keystead/contract/operations/get-policy";
import { handler } from "./handler.ts";
import { textOf, versionMessage } from "./policy-message.ts";

/** A version of the policy, with what was signed. Before anybody set one there is an empty document and no signature. */
export const getPolicy = handler(operation, async ({ request }, { policy }) => {
  const record = await policy.version(request.version);
  if (record === undefined && request.version !== 0)
    throw new HsmError("OBJECT_NOT_FOUND", `there is no version ${request.version} of the policy`);
  return {
    reply: {
      document: await textOf(policy, request.version),
      ...(record === undefined ? {} : { policy: versionMessage(record), statement: record.statement }),
    },
  };
});
