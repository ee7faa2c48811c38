import { listGrants as operation } from "@keystead/contract/operations/list-grants";
import { handler } from "./handler.ts";
import { grantMessage } from "./policy-message.ts";

/** What was handed on of a key, the oldest first. */
export const listGrants = handler(operation, async ({ namespace, request }, { objects, policy }) => {
  await objects.describe(namespace, request.keyId);
  return { reply: { grants: policy.delegations(namespace, request.keyId).map(grantMessage) } };
});
