import { cancelRequest as operation } from "@keystead/contract/operations/cancel-request";
import { stepResult } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const cancelRequest = handler(operation, async ({ principal, address, hidden, request }, { approvals }) =>
  stepResult(await approvals.cancel({ principal, address, hidden }, request.approvalId, request.namespace)),
);
