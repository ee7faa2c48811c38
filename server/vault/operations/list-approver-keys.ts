import { listApproverKeys as operation } from "@keystead/contract/operations/list-approver-keys";
import { approverKeyMessage } from "./approval-message.ts";
import { handler } from "./handler.ts";

/** Public keys, and what the caller signs to register one. */
export const listApproverKeys = handler(operation, async ({ principal, request }, { approvals }) => ({
  reply: {
    keys: approvals.keys
      .list()
      .filter((key) => request.principal === "" || key.principal === request.principal)
      .map((key) => approverKeyMessage(key, approvals.personOf({ id: key.principal }), approvals.keys)),
    vaultId: approvals.vaultId,
    principal: principal.id,
    person: approvals.personOf(principal),
  },
}));
