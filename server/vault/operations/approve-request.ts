import { approveRequest as operation } from "@keystead/contract/operations/approve-request";
import { givenSignature, stepResult } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const approveRequest = handler(operation, async ({ principal, request }, { approvals }) =>
  stepResult(await approvals.decide(principal, "approve", { ...request, ...givenSignature(request) })),
);
