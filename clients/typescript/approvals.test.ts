import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ErrorDetailSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { subjectText, type ApprovalSubject } from "@keystead/crypto/public/approval-statement";
import { approverKeyOf, checkEvidence, evidenceOf, signRegistration, signVerdict, statementBytes, subjectOf } from "./approvals.ts";
import type { Approval } from "./areas/approvals.ts";
import { errorFromDetail } from "./remote-error.ts";

const SUBJECT: ApprovalSubject = {
  approval: "0197-a",
  created: "2030-01-01T00:00:00.000Z",
  expires: "2030-01-01T01:00:00.000Z",
  key: "k",
  namespace: "default",
  operation: "DestroyKey",
  override: null,
  payload: "00",
  policy: "1",
  request: {},
  requester: "cert:alice",
  rules: [{ quorum: 1, reason: "", roles: ["KeyAdmin"], rule: "r" }],
  vault: "v",
};
const KINDS = [
  generateKeyPairSync("ed25519"),
  generateKeyPairSync("ec", { namedCurve: "P-256" }),
  generateKeyPairSync("ml-dsa-65"),
] as const;

test("a verdict is signed over the statement, by each kind of key", () => {
  for (const { privateKey } of KINDS) {
    const given = signVerdict(privateKey, SUBJECT, "deny", "why");
    assert.equal(given.approverKey, approverKeyOf(privateKey).id);
    const digest = privateKey.asymmetricKeyType === "ec" ? "sha256" : null;
    assert.equal(verify(digest, statementBytes(SUBJECT, "deny", "why"), createPublicKey(privateKey), given.signature), true);
    const text = `Keystead approver key, version 1\n{"key":"${given.approverKey}","principal":"cert:bob","vault":"v"}`;
    assert.equal(verify(digest, Buffer.from(text), createPublicKey(privateKey), signRegistration(privateKey, "v", "cert:bob")), true);
  }
});

test("nobody signs the subject of another request than the one that was asked for", () => {
  assert.deepEqual(subjectOf({ id: "0197-a", subject: subjectText(SUBJECT) }), SUBJECT);
  assert.throws(() => subjectOf({ id: "0197-b", subject: subjectText(SUBJECT) }), { code: "INTEGRITY_FAILURE" });
  assert.throws(() => subjectOf({ id: "0197-a", subject: JSON.stringify(SUBJECT, undefined, 1) }), { code: "INVALID_REQUEST" });
});

test("the evidence of an answer is what the offline check takes", () => {
  const [{ privateKey }] = KINDS;
  const { approverKey, signature, reason } = signVerdict(privateKey, SUBJECT, "approve", "");
  const verdict = {
    verdict: "approve",
    reason,
    principal: "cert:bob",
    person: "bob",
    roles: ["KeyAdmin"],
    time: new Date("2030-01-01T00:10:00Z"),
    approverKey,
    publicKey: approverKeyOf(privateKey).spki,
    signature,
  };
  const approval = {
    id: "0197-a",
    subject: subjectText(SUBJECT),
    requesterPerson: "cert:alice",
    verdicts: [verdict],
  } as unknown as Approval;
  assert.deepEqual(checkEvidence(evidenceOf(approval)).problems, []);
  assert.equal(checkEvidence(evidenceOf(approval)).approved, true);
  const forged = { ...approval, verdicts: [{ ...verdict, signature: Buffer.from(signature.with(0, (signature[0] as number) ^ 1)) }] };
  assert.equal(checkEvidence(evidenceOf(forged)).approved, false);
});

test("a request that waits is an error with the pending request's id", () => {
  const error = errorFromDetail(
    create(ErrorDetailSchema, { code: "APPROVAL_REQUIRED", number: 104, detail: "wait", approvalId: "0197-a" }),
  );
  assert.deepEqual([error.code, error.number, error.approvalId], ["APPROVAL_REQUIRED", 104, "0197-a"]);
  assert.equal(errorFromDetail(create(ErrorDetailSchema, { code: "OBJECT_NOT_FOUND" })).approvalId, undefined);
});
