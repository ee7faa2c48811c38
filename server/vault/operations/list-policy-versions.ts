import { listPolicyVersions as operation } from "@keystead/contract/operations/list-policy-versions";
import { handler } from "./handler.ts";
import { versionMessage } from "./policy-message.ts";

/** Every version, the newest first; the documents by GetPolicy. */
export const listPolicyVersions = handler(operation, async (_, { policy }) => ({
  reply: { policies: policy.versions().map(versionMessage) },
}));
