/**
 * Policy versions, findings and delegations in their wire shapes.
 */
import { timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { PolicyQuestion } from "@keystead/contract/generated/hsm/policy_pb";
import { HsmError } from "@keystead/contract/errors";
import { EMPTY_POLICY_TEXT } from "@keystead/contract/policy/document";
import type { DelegationFacts, Finding, PolicyControl, PolicyHead, Supposition } from "./policy-control.ts";

export const versionMessage = ({ version, digest, previous, author, comment, time, signature, publicKey }: PolicyHead) => ({
  version,
  digest,
  previous,
  author,
  comment,
  createdAt: timestampFromMs(time),
  signature: Buffer.from(signature, "base64"),
  publicKey: Buffer.from(publicKey, "base64"),
});

export const grantMessage = ({
  id,
  namespace,
  keyId,
  from,
  to,
  operation,
  condition,
  createdAt,
  expiresAt,
  maxUses,
  used,
}: DelegationFacts) => ({
  grantId: id,
  namespace,
  keyId,
  grantor: from,
  grantee: to,
  operation,
  condition,
  createdAt: timestampFromMs(createdAt),
  ...(expiresAt === 0 ? {} : { expiresAt: timestampFromMs(expiresAt) }),
  maxUses,
  uses: used,
});

export const milliseconds = (time: Timestamp | undefined): number | undefined => (time === undefined ? undefined : timestampMs(time));

export const supposition = (question: PolicyQuestion): Supposition => ({
  ...question,
  time: milliseconds(question.time),
  mfaAt: milliseconds(question.mfaAt),
});

export const answerMessage = ({ decision, rule, name, approvals }: Finding, expect: string) => ({
  decision,
  rule,
  name,
  approvals: [...approvals],
  asExpected: expect === "" || expect === decision,
});

/** The text of a version; for 0 that of the policy in force, or of none. @throws {HsmError} OBJECT_NOT_FOUND */
export async function textOf(policy: PolicyControl, version: number): Promise<string> {
  const record = await policy.version(version);
  if (record !== undefined) return record.document;
  if (version === 0) return EMPTY_POLICY_TEXT;
  throw new HsmError("OBJECT_NOT_FOUND", `there is no version ${version} of the policy`);
}
