import { registerApproverKey as operation } from "@keystead/contract/operations/register-approver-key";
import { approverKeyMessage, givenSignature } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const registerApproverKey = handler(operation, async ({ principal, request }, { approvals }) => {
  const { publicKey, description, rpId } = request;
  const { key, change } = await approvals.keys.register(principal.id, { publicKey, description, rpId, ...givenSignature(request) });
  return { reply: { key: approverKeyMessage(key, approvals.personOf(principal), approvals.keys) }, change };
});
