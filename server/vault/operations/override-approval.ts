import { overrideApproval as operation } from "@keystead/contract/operations/override-approval";
import { givenSignature, stepResult } from "./approval-message.ts";
import { handler } from "./handler.ts";

export const overrideApproval = handler(operation, async ({ principal, address, hidden, request }, { approvals }) =>
  stepResult(await approvals.decide({ principal, address, hidden }, "override", { ...request, ...givenSignature(request) })),
);
