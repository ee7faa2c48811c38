import { getAuditBreak as operation } from "@keystead/contract/operations/get-audit-break";
import { damagedSegmentMessage } from "./damaged-segment-message.ts";
import { handler } from "./handler.ts";

/** What is damaged of the audit log, and whether others can agree to go on without it. */
export const getAuditBreak = handler(operation, async (_, { auditBreak, status }) => {
  const { auditIntegrity, auditFirstBadSequence, maintenanceSteps } = status();
  const found = auditBreak.found();
  return {
    reply: {
      integrity: auditIntegrity,
      firstBadSequence: BigInt(auditFirstBadSequence),
      digest: found?.digest ?? "",
      segments: (found?.segments ?? []).map(damagedSegmentMessage),
      approvals: auditBreak.approvals,
      steps: [...maintenanceSteps],
    },
  };
});
