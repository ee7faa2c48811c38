import { getAuditCheckpoint as operation } from "@keystead/contract/operations/get-audit-checkpoint";
import { audited } from "./audit-position.ts";
import { checkpointMessage } from "./checkpoint-message.ts";
import { handler } from "./handler.ts";

/** A checkpoint of the audit log. */
export const getAuditCheckpoint = handler(operation, async ({ request }, { proofs }) => ({
  reply: { checkpoint: checkpointMessage(proofs.checkpoint(audited(request.size, "size", 0))), verifierKey: proofs.verifierKey },
}));
