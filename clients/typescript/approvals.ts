/**
 * What an approver's program needs: the text that is signed, a signature by a key that is here and nowhere else, the evidence
 * of a request, and its check without the server.
 *
 * @example
 * const { approval } = await keystead.getApproval({ approvalId });
 * const subject = subjectOf(approval);          // show this to the person
 * await keystead.approveRequest({ approvalId, ...signVerdict(privateKey, subject, "approve", "checked") });
 */
import { createPublicKey, sign, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { ApprovalEvidence } from "@keystead/crypto/public/approval-evidence";
import {
  parseSubject,
  registrationBytes,
  statementBytes,
  type ApprovalSubject,
  type Verdict,
} from "@keystead/crypto/public/approval-statement";
import { parseApproverKey, type ApproverKey } from "@keystead/crypto/public/approver-key";
import type { Approval } from "./areas/approvals.ts";

export { checkEvidence, parseEvidence, type ApprovalEvidence, type EvidenceReport } from "@keystead/crypto/public/approval-evidence";
export { ApprovalLogCheck, type CheckedApproval, type KnownPolicy, type LogReport } from "@keystead/crypto/public/approval-log";
export {
  adoptionBytes,
  registrationBytes,
  statementBytes,
  statementDigest,
  VERDICTS,
  type ApprovalSubject,
  type Verdict,
} from "@keystead/crypto/public/approval-statement";
export { parseApproverKey, type ApproverKey } from "@keystead/crypto/public/approver-key";
export { attestedCredential, spkiOfCose } from "@keystead/crypto/public/cose-key";

/**
 * What a request asks for, as it is signed. What else the server says of the request is not looked at.
 *
 * @throws {HsmError} INTEGRITY_FAILURE   the server shows the subject of another request
 */
export function subjectOf(approval: Pick<Approval, "id" | "subject">): ApprovalSubject {
  const subject = parseSubject(approval.subject);
  if (subject.approval !== approval.id) throw new HsmError("INTEGRITY_FAILURE", "the server shows the subject of another request");
  return subject;
}

/** The public half of an approver's private key. @throws {HsmError} INVALID_REQUEST for a key that cannot stand behind approvals */
export const approverKeyOf = (privateKey: KeyObject): ApproverKey =>
  parseApproverKey(createPublicKey(privateKey).export({ format: "der", type: "spki" }));

const signed = (privateKey: KeyObject, bytes: Uint8Array): Buffer =>
  sign(privateKey.asymmetricKeyType === "ec" ? "sha256" : null, bytes, privateKey);

/** Signs a verdict here. */
export const signVerdict = (
  privateKey: KeyObject,
  subject: ApprovalSubject,
  verdict: Verdict,
  reason: string,
): { readonly approverKey: string; readonly signature: Buffer; readonly reason: string } => ({
  approverKey: approverKeyOf(privateKey).id,
  signature: signed(privateKey, statementBytes(subject, verdict, reason)),
  reason,
});

/** Proves to hold a key that is to be registered. */
export const signRegistration = (privateKey: KeyObject, vaultId: string, principal: string): Buffer =>
  signed(privateKey, registrationBytes(vaultId, principal, approverKeyOf(privateKey).id));

/** The evidence of a request, for {@link checkEvidence} today or in ten years. */
export const evidenceOf = (approval: Approval): ApprovalEvidence => ({
  subject: approval.subject,
  requesterPerson: approval.requesterPerson,
  verdicts: approval.verdicts.map((one) => ({
    verdict: one.verdict as Verdict,
    reason: one.reason,
    principal: one.principal,
    person: one.person,
    roles: one.roles,
    time: one.time?.toISOString() ?? "",
    keyId: one.approverKey,
    publicKey: one.publicKey,
    signature: one.signature.toString("base64"),
    ...(one.assertion === undefined
      ? {}
      : {
          authenticatorData: Buffer.from(one.assertion.authenticatorData).toString("base64"),
          clientDataJson: Buffer.from(one.assertion.clientDataJson).toString("base64"),
        }),
  })),
});
