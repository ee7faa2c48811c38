import assert from "node:assert/strict";
import { generateKeyPairSync, hash, sign, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { canonicalJson, type Json } from "../formats/canonical-json.ts";
import type { ApprovalEvidence, EvidencedVerdict } from "./approval-evidence.ts";
import { ApprovalLogCheck, type LogReport } from "./approval-log.ts";
import { statementBytes, statementDigest, subjectText, type ApprovalSubject, type Verdict } from "./approval-statement.ts";
import { parseApproverKey } from "./approver-key.ts";

const PAYLOAD = hash("sha256", "the message", "hex");
const SUBJECT: ApprovalSubject = {
  approval: "one",
  created: "2030-01-01T00:00:00.000Z",
  expires: "2030-01-01T01:00:00.000Z",
  key: "k",
  namespace: "default",
  operation: "DeleteKey",
  override: null,
  payload: PAYLOAD,
  policy: "configuration:00 policy:none",
  request: { key_id: "k" },
  requester: "cert:alice",
  rules: [{ quorum: 2, reason: "", roles: ["KeyAdmin"], rule: "ends" }],
  vault: "v",
};
const keys = new Map<string, { readonly privateKey: KeyObject; readonly publicKey: string }>(
  ["bob", "carol", "mallory"].map((name) => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    return [name, { privateKey, publicKey: publicKey.export({ format: "pem", type: "spki" }) as string }];
  }),
);
const keyOf = (name: string) => keys.get(name) as { readonly privateKey: KeyObject; readonly publicKey: string };

function verdict(name: string, subject = SUBJECT, kind: Verdict = "approve", minute = 10): EvidencedVerdict {
  const { privateKey, publicKey } = keyOf(name);
  const { id, spki } = parseApproverKey(publicKey);
  return {
    verdict: kind,
    reason: "",
    principal: `cert:${name}`,
    person: name,
    roles: ["KeyAdmin"],
    time: `2030-01-01T00:${minute}:00.000Z`,
    keyId: id,
    publicKey: spki,
    signature: sign(null, statementBytes(subject, kind, ""), privateKey).toString("base64"),
  };
}

type Fields = Readonly<Record<string, Json>>;
const event = (fields: Fields): Fields => ({
  authentication: "certificate",
  batch: 1,
  decision: "allow",
  key: "",
  namespace: "",
  outcome: "OK",
  payload: PAYLOAD,
  request: "r",
  version: 0,
  time: "2030-01-01T00:10:00.000Z",
  ...fields,
});
const about = (fields: Fields = {}): Fields =>
  event({ action: "DeleteKey", approval: { id: "one" }, key: "k", namespace: "default", principal: "cert:alice", ...fields });
const held = (fields: Fields = {}): Fields =>
  about({ decision: "pending", outcome: "APPROVAL_REQUIRED", time: "2030-01-01T00:00:00.001Z", ...fields });
const said = (one: EvidencedVerdict, subject = SUBJECT, fields: Fields = {}): Fields =>
  event({
    action: { approve: "ApproveRequest", deny: "DenyRequest", override: "OverrideApproval" }[one.verdict],
    approval: {
      digest: statementDigest(statementBytes(subject, one.verdict, one.reason)),
      id: "one",
      key: one.keyId,
      signature: one.signature,
    },
    principal: one.principal,
    time: one.time,
    ...fields,
  });
const run = (fields: Fields = {}): Fields => about({ time: "2030-01-01T00:20:00.000Z", ...fields });
const evidence = (...verdicts: EvidencedVerdict[]): ApprovalEvidence => ({
  subject: subjectText(SUBJECT),
  requesterPerson: "alice",
  verdicts,
});

/** Events as a log: in order, chained. */
function check(
  events: readonly Fields[],
  given: readonly ApprovalEvidence[],
  more: Parameters<ApprovalLogCheck["finish"]> | [] = [],
): LogReport {
  const log = new ApprovalLogCheck();
  let previous = "0".repeat(64);
  for (const [index, fields] of events.entries()) {
    const canonical = canonicalJson({ ...fields, previous, sequence: index + 1 });
    previous = hash("sha256", canonical, "hex");
    log.event(canonical);
  }
  return log.finish(given, more[1], more[2]);
}
const [bob, carol] = [verdict("bob"), verdict("carol")] as const;
const good = [event({ action: "Seal", principal: "x" }), held(), held(), said(bob), said(carol), run()];
const both = [evidence(bob, carol)];
const problem = (...of: Parameters<typeof check>): string =>
  check(...of)
    .approvals.flatMap(({ problems }) => problems)
    .join("; ");

test("a log and its evidence that belong together have no problem, and so has what still waits", () => {
  const report = check(good, both, [[], [keyOf("bob").publicKey, keyOf("carol").publicKey]]);
  assert.deepEqual(report, { events: 6, approvals: [{ id: "one", operation: "DeleteKey", performed: true, problems: [] }], problems: [] });
  assert.equal(problem([held()], []), "");
  assert.equal(problem([held(), said(bob)], [evidence(bob)]), "");
  assert.equal(
    problem([held(), said(verdict("bob", SUBJECT, "deny"))], [evidence(verdict("bob", SUBJECT, "deny"))]).includes("performed"),
    false,
  );
});

const late = verdict("carol", SUBJECT, "approve", 10);
const other: ApprovalSubject = { ...SUBJECT, key: "other", request: { key_id: "other" } };
const cases: Readonly<Record<string, readonly [events: readonly Fields[], evidence: readonly ApprovalEvidence[], said: RegExp]>> = {
  "performed before the last approval": [[held(), said(bob), run(), said(carol)], both, /performed before enough had agreed/],
  "performed with one of two": [[held(), said(bob), run()], [evidence(bob)], /performed before enough had agreed/],
  "performed twice": [[...good, run()], both, /performed 2 times/],
  "performed again after a refusal": [[held(), said(bob), said(carol), run({ outcome: "PERMISSION_DENIED" }), run()], both, /tried again/],
  "performed with no verdict at all": [[held(), run()], [evidence()], /performed before enough had agreed/],
  "performed without evidence": [good, [], /there is no evidence of it/],
  "performed after it was taken back": [
    [held(), said(bob), said(carol), about({ action: "CancelRequest" }), run()],
    both,
    /performed after it had been taken back/,
  ],
  "performed after a denial": [
    [held(), said(bob), said(carol), said(verdict("mallory", SUBJECT, "deny")), run()],
    [evidence(bob, carol, verdict("mallory", SUBJECT, "deny"))],
    /performed before enough had agreed/,
  ],
  "performed after its time": [[held(), said(bob), said(carol), run({ time: SUBJECT.expires })], both, /after its time/],
  "another message performed": [
    [held(), said(bob), said(carol), run({ payload: "00".repeat(32) })],
    both,
    /message performed is not the one/,
  ],
  "another key": [[held(), said(bob), said(carol), run({ key: "other" })], both, /not what was asked for/],
  "another operation": [[held(), said(bob), said(carol), run({ action: "ExportKey" })], both, /not what was asked for/],
  "somebody else's request": [[held({ principal: "cert:eve" }), said(bob), said(carol), run()], both, /another request by this id/],
  "never asked for": [[said(bob), said(carol), run()], both, /does not know that it was asked for/],
  "a verdict that the log does not know": [[held(), said(bob), run()], both, /does not know the approve of cert:carol/],
  "a verdict without evidence": [[held(), said(bob), said(carol), run()], [evidence(bob)], /no evidence of this approve/],
  "a signature swapped in the log": [
    [held(), said(bob), said({ ...carol, signature: bob.signature }), run()],
    both,
    /no evidence of this approve.*does not know the approve of cert:carol/,
  ],
  "a verdict on another request": [
    [held(), said(bob), said(verdict("carol", other), other), run()],
    [evidence(bob, verdict("carol", other))],
    /no evidence of this approve/,
  ],
  "a forged signature, the same in both": [
    [held(), said(bob), said({ ...carol, signature: bob.signature }), run()],
    [evidence(bob, { ...carol, signature: bob.signature })],
    /the signature is not of this statement/,
  ],
  "one person under two names of keys": [
    [held(), said(bob), said({ ...verdict("mallory"), person: "bob" }), run()],
    [evidence(bob, { ...verdict("mallory"), person: "bob" })],
    /performed before enough had agreed/,
  ],
  "a verdict after the expiry": [
    [held(), said(bob), said(late, SUBJECT, { time: "2030-01-01T02:00:00.000Z" }), run()],
    [evidence(bob, late)],
    /outside the request's time/,
  ],
  "evidence of a request that the log does not know": [[], both, /does not know that it was asked for/],
};
for (const [name, [events, given, saying]] of Object.entries(cases))
  test(`it is told: ${name}`, () => assert.match(problem(events, given), saying));

test("a key that the checker does not know counts nothing", () => {
  assert.match(problem(good, both, [[], [keyOf("bob").publicKey]]), /the key is none of those given.*before enough had agreed/);
});

test("the policy that the request names is the one that was in force", () => {
  const at = (digest: string, createdAt: string) => ({ digest, createdAt: Date.parse(createdAt) });
  assert.equal(problem(good, both, [[], [], [at("aa", "2031-01-01T00:00:00Z")]]), "");
  assert.match(problem(good, both, [[], [], [at("aa", "2029-01-01T00:00:00Z")]]), /another policy was in force/);
});

test("an event that is left out, altered or moved breaks the chain", () => {
  const canonicals: string[] = [];
  let previous = "0".repeat(64);
  for (const [index, fields] of good.entries()) {
    const canonical = canonicalJson({ ...fields, previous, sequence: index + 1 });
    previous = hash("sha256", canonical, "hex");
    canonicals.push(canonical);
  }
  const problems = (texts: readonly string[]): readonly string[] => {
    const log = new ApprovalLogCheck();
    for (const text of texts) log.event(text);
    return log.finish(both).problems;
  };
  assert.deepEqual(problems(canonicals), []);
  assert.deepEqual(problems(canonicals.slice(2)), [], "a log that begins later is followed from there");
  assert.match(problems(canonicals.toSpliced(3, 1)).join(), /event 5 does not follow event 3/);
  assert.match(problems(canonicals.with(3, (canonicals[3] as string).replace("cert:bob", "cert:eve"))).join(), /event 5 does not follow/);
  for (const none of ["{", "null", "[]", '"text"', "{}"]) assert.match(problems(canonicals.with(2, none)).join(), /no event/, none);
});
