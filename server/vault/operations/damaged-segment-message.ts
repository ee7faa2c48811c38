import type { DamagedSegmentSchema } from "@keystead/contract/generated/hsm/audit_pb";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DamagedSegment } from "./audit-break-control.ts";

export const damagedSegmentMessage = (segment: DamagedSegment): MessageInitShape<typeof DamagedSegmentSchema> => ({
  name: segment.name,
  firstSequence: BigInt(segment.first),
  lastSequence: BigInt(segment.last),
  lastHash: segment.hash,
  firstBadSequence: BigInt(segment.sequence),
  reason: segment.reason,
  bytes: BigInt(segment.bytes),
  sha256: segment.sha256,
});
