import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { HsmError } from "@keystead/contract/errors";
import { SortOrder } from "@keystead/contract/generated/hsm/hsm_pb";
import { getAuditLog as operation } from "@keystead/contract/operations/get-audit-log";
import { auditEventOf } from "./audit-event.ts";
import { handler } from "./handler.ts";

const DEFAULT_PAGE_SIZE = 100;

const momentOf = (time: Timestamp | undefined, without: number): number => (time === undefined ? without : timestampMs(time));

/** Events within the caller's reach. Without a namespace: all of them; events about no namespace need reach over all. */
export const getAuditLog = handler(operation, async ({ request, hidden }, { readAudit }) => {
  if (request.pageToken !== "" && !/^\d{1,15}$/.test(request.pageToken))
    throw new HsmError("INVALID_REQUEST", "page_token is not one of ours");
  const { events, next } = await readAudit({
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
      since: momentOf(request.since, -Infinity),
      until: momentOf(request.until, Infinity),
    },
    hidden: hidden(),
    newestFirst: request.order === SortOrder.NEWEST_FIRST,
    after: Number(request.pageToken),
    limit: request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize,
  });
  return { reply: { events: events.map(auditEventOf), nextPageToken: next === undefined ? "" : String(next) } };
});
