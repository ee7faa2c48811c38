import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { HsmError } from "@keystead/contract/errors";
import { SortOrder } from "@keystead/contract/generated/hsm/hsm_pb";
import { getAuditLog as operation } from "@keystead/contract/operations/get-audit-log";
import type { ChainedEvent } from "../audit/event.ts";
import { handler } from "./handler.ts";

const DEFAULT_PAGE_SIZE = 100;

/** Events within the caller's reach. Without a namespace: all of them; events about no namespace need reach over all. */
export const getAuditLog = handler(operation, async ({ request, hidden }, { readAudit }) => {
  if (request.pageToken !== "" && !/^\d{1,15}$/.test(request.pageToken))
    throw new HsmError("INVALID_REQUEST", "page_token is not one of ours");
  const { events, next } = await readAudit({
    namespaces: request.namespace === "" ? undefined : new Set([request.namespace]),
    hidden: hidden(),
    keyId: request.keyId,
    action: request.action,
    newestFirst: request.order === SortOrder.NEWEST_FIRST,
    after: Number(request.pageToken),
    limit: request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize,
  });
  return {
    reply: {
      events: events.map(({ canonical, hash, mac }) => {
        const event = JSON.parse(canonical) as ChainedEvent;
        return {
          sequence: BigInt(event.sequence),
          time: timestampFromMs(Date.parse(event.time)),
          namespace: event.namespace,
          principal: event.principal,
          authentication: event.authentication,
          action: event.action,
          keyId: event.key,
          otherKeyId: event.other ?? "",
          approvalId: event.approval?.id ?? "",
          address: event.address ?? "",
          traceId: event.trace ?? "",
          version: event.version,
          requestId: event.request,
          payloadSha256: event.payload,
          decision: event.decision,
          outcome: event.outcome,
          previousHash: event.previous,
          hash,
          mac,
          canonical,
        };
      }),
      nextPageToken: next === undefined ? "" : String(next),
    },
  };
});
