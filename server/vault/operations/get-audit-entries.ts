import { getAuditEntries as operation } from "@keystead/contract/operations/get-audit-entries";
import { audited } from "./audit-position.ts";
import { handler } from "./handler.ts";

const DEFAULT_LIMIT = 256;

/** Hashes of events. */
export const getAuditEntries = handler(operation, async ({ request }, { proofs }) => {
  const limit = request.limit === 0 ? DEFAULT_LIMIT : request.limit;
  return {
    reply: { fromSequence: request.fromSequence, eventHashes: proofs.entries(audited(request.fromSequence, "from_sequence", 1), limit) },
  };
});
