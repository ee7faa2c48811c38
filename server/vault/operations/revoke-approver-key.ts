import { revokeApproverKey as operation } from "@keystead/contract/operations/revoke-approver-key";
import { approverKeyMessage } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const revokeApproverKey = handler(operation, async ({ principal, request }, { approvals }) => {
  const { key, change } = await approvals.revokeKey(principal, request.approverKey, request.reason);
  return { reply: { key: approverKeyMessage(key, approvals.personOf({ id: key.principal }), approvals.keys) }, change };
});
