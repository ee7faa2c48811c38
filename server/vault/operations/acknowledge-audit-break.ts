import { acknowledgeAuditBreak as operation } from "@keystead/contract/operations/acknowledge-audit-break";
import { damagedSegmentMessage } from "./damaged-segment-message.ts";
import { handler } from "./handler.ts";

/** Goes on without damaged segments; that others agreed is the gate's to know. */
export const acknowledgeAuditBreak = handler(operation, async ({ request }, { auditBreak }) => {
  const { found, change } = await auditBreak.acknowledge(request.digest);
  const breaks = found.segments.map(({ bytes, first, hash, last, sha256 }) => ({ bytes, first, hash, last, sha256 }));
  return { reply: { segments: found.segments.map(damagedSegmentMessage) }, change, breaks };
});
