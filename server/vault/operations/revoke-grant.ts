import { revokeGrant as operation } from "@keystead/contract/operations/revoke-grant";
import { handler } from "./handler.ts";
import { grantMessage } from "./policy-message.ts";

/** Takes back what was handed on, at once. */
export const revokeGrant = handler(operation, async ({ principal, address, namespace, request }, { policy }) => {
  const { delegation, change } = await policy.revoke({ id: request.grantId, namespace, keyId: request.keyId }, { principal, address });
  return { reply: { grant: grantMessage(delegation) }, change };
});
