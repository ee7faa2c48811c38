import { denyRequest as operation } from "@keystead/contract/operations/deny-request";
import { givenSignature, stepResult } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const denyRequest = handler(operation, async ({ principal, address, hidden, request }, { approvals }) =>
  stepResult(await approvals.decide({ principal, address, hidden }, "deny", { ...request, ...givenSignature(request) })),
);
