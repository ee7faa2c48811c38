import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StreamAuditLogResponseSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { streamAuditLog as operation } from "@keystead/contract/operations/stream-audit-log";
import { auditEventOf } from "./audit-event.ts";
import { handler, type AuditPage } from "./handler.ts";

/** Opens a stream of the events within the caller's reach. The monitor asks for the rest of it. */
export const streamAuditLog = handler(operation, async ({ request, principal, requestId, hidden }, { auditStreams }) => {
  const page = await auditStreams.open(
    {
      principal: principal.id,
      requestId,
      after: request.after === undefined ? undefined : Number(request.after),
      untilNow: request.untilNow,
      request,
      filter: {
        namespaces: request.namespace === "" ? undefined : new Set([request.namespace]),
        keyId: request.keyId,
        otherKeyId: request.otherKeyId,
        action: request.action,
        principal: request.principal,
        outcome: request.outcome,
        decision: request.decision,
        requestId: request.requestId,
        approvalId: request.approvalId,
        since: -Infinity,
        until: Infinity,
      },
    },
    hidden(),
  );
  return { reply: streamAnswer(page) };
});

export const streamAnswer = ({ events, sequence, complete }: AuditPage): MessageInitShape<typeof StreamAuditLogResponseSchema> => ({
  events: events.map(auditEventOf),
  sequence: BigInt(sequence),
  complete,
});
