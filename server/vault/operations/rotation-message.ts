/**
 * The RotationPolicy message and the rules behind it.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import type { RotationPolicy, RotationPolicySchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { RotationRules } from "../objects/attributes.ts";

const DAY_SECONDS = 86_400;

/** @throws {HsmError} INVALID_REQUEST when overlap or notice are longer than the interval */
export function rotationRules(policy: RotationPolicy): RotationRules {
  const { intervalSeconds = 90 * DAY_SECONDS, maxVersions = 5, revokeAfterOverlap } = policy;
  // What is not said never asks for more than the interval has.
  const usual = Math.min(7 * DAY_SECONDS, intervalSeconds);
  const { overlapSeconds = usual, noticeSeconds = usual } = policy;
  if (overlapSeconds > intervalSeconds) throw new HsmError("INVALID_REQUEST", "rotation_policy.overlap_seconds: longer than the interval");
  if (noticeSeconds > intervalSeconds) throw new HsmError("INVALID_REQUEST", "rotation_policy.notice_seconds: longer than the interval");
  return {
    interval: intervalSeconds * 1000,
    overlap: overlapSeconds * 1000,
    maxVersions,
    notice: noticeSeconds * 1000,
    revokeAfterOverlap,
  };
}

export const rotationMessage = (rules: RotationRules): MessageInitShape<typeof RotationPolicySchema> => ({
  intervalSeconds: rules.interval / 1000,
  overlapSeconds: rules.overlap / 1000,
  maxVersions: rules.maxVersions,
  noticeSeconds: rules.notice / 1000,
  revokeAfterOverlap: rules.revokeAfterOverlap,
});
