import { proveAuditEvent as operation } from "@keystead/contract/operations/prove-audit-event";
import { audited } from "./audit-position.ts";
import { checkpointMessage } from "./checkpoint-message.ts";
import { handler } from "./handler.ts";

/** Proves that an event is in the log. */
export const proveAuditEvent = handler(operation, async ({ request }, { proofs }) => {
  const { eventHash, proof, checkpoint, receipt } = proofs.event(
    audited(request.sequence, "sequence", 1),
    audited(request.size, "size", 0),
  );
  return {
    reply: {
      sequence: request.sequence,
      eventHash,
      proof: [...proof],
      checkpoint: checkpointMessage(checkpoint),
      receipt,
      verifierKey: proofs.verifierKey,
    },
  };
});
