import { approveRequest as operation } from "@keystead/contract/operations/approve-request";
import { givenSignature, stepResult } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const approveRequest = handler(operation, async ({ principal, address, hidden, request }, { approvals }) =>
  stepResult(await approvals.decide({ principal, address, hidden }, "approve", { ...request, ...givenSignature(request) })),
);
