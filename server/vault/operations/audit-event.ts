/** An event of the log as answers show it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AuditEventSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { ChainedEvent } from "../audit/event.ts";
import type { AuditRow } from "./handler.ts";

export function auditEventOf({ canonical, hash, mac }: AuditRow): MessageInitShape<typeof AuditEventSchema> {
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
    scripts: (event.scripts ?? []).map(({ name, version, verdict, fuel }) => ({ name, version, verdict, fuel })),
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
}
