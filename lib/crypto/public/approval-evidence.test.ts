import assert from "node:assert/strict";
import { generateKeyPairSync, hash, sign, type KeyObject } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { HsmError } from "@keystead/contract/errors";
import { checkEvidence, parseEvidence, type ApprovalEvidence, type EvidencedVerdict } from "./approval-evidence.ts";
import { assertionMatches, madeFor, parseApproverKey, signatureMatches } from "./approver-key.ts";
import {
  parseSubject,
  registrationBytes,
  statementBytes,
  statementDigest,
  subjectText,
  type ApprovalSubject,
  type Verdict,
} from "./approval-statement.ts";

const SUBJECT: ApprovalSubject = {
  approval: "0197-a",
  created: "2030-01-01T00:00:00.000Z",
  expires: "2030-01-01T01:00:00.000Z",
  key: "release",
  namespace: "default",
  operation: "DestroyKey",
  override: { quorum: 2, reason: "", roles: ["Administrator"], rule: "override" },
  payload: "00".repeat(32),
  policy: "7",
  request: { key_id: "release", namespace: "default" },
  requester: "cert:alice",
  rules: [{ quorum: 2, reason: "keys end once", roles: ["KeyAdmin", "Administrator"], rule: "destruction" }],
  vault: "vault-1",
};
const KINDS = {
  Ed25519: () => generateKeyPairSync("ed25519"),
  "ECDSA-P256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "ML-DSA-65": () => generateKeyPairSync("ml-dsa-65"),
} as const;
type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
const pem = ({ publicKey }: Pair): string => publicKey.export({ format: "pem", type: "spki" }) as string;
const signed = ({ privateKey }: Pair, bytes: Uint8Array): Buffer =>
  sign(privateKey.asymmetricKeyType === "ec" ? "sha256" : null, bytes, privateKey);
const PAIRS: Readonly<Record<string, Pair>> = {
  bob: KINDS.Ed25519(),
  carol: KINDS["ECDSA-P256"](),
  dave: KINDS["ML-DSA-65"](),
};

function verdictOf(
  person: string,
  verdict: Verdict = "approve",
  changed: Partial<EvidencedVerdict> = {},
  subject = SUBJECT,
): EvidencedVerdict {
  const pair = PAIRS[person] as Pair;
  const reason = changed.reason ?? "";
  const { id, spki } = parseApproverKey(pem(pair));
  return {
    verdict,
    reason,
    principal: `cert:${person}`,
    person,
    roles: ["KeyAdmin", "Administrator"],
    time: "2030-01-01T00:30:00.000Z",
    keyId: id,
    publicKey: spki,
    signature: signed(pair, statementBytes(subject, verdict, reason)).toString("base64"),
    ...changed,
  };
}
const evidence = (verdicts: readonly EvidencedVerdict[], subject = SUBJECT): ApprovalEvidence => ({
  subject: subjectText(subject),
  requesterPerson: "alice",
  verdicts,
});

test("a statement is its first line and canonical JSON, which anybody can read before signing", () => {
  const text = statementBytes(SUBJECT, "approve", "checked").toString("utf8");
  const [first, second, ...rest] = text.split("\n");
  assert.equal(first, "Keystead approval statement, version 1");
  assert.deepEqual(JSON.parse(second as string), { ...SUBJECT, verdict: "approve", reason: "checked" });
  assert.deepEqual(rest, []);
  assert.equal(statementDigest(Buffer.from(text)), hash("sha256", text, "hex"));
});

test("no two different statements have the same bytes", () => {
  const seen = new Set<string>();
  const subjects = [
    SUBJECT,
    { ...SUBJECT, approval: "0197-b" },
    { ...SUBJECT, expires: "2030-01-01T02:00:00.000Z" },
    { ...SUBJECT, key: "other" },
    { ...SUBJECT, vault: "vault-2" },
    { ...SUBJECT, payload: "01".repeat(32) },
    { ...SUBJECT, policy: "8" },
    { ...SUBJECT, override: null },
  ];
  for (const subject of subjects)
    for (const verdict of ["approve", "deny", "override"] as const)
      for (const reason of ["", "approve", '","verdict":"approve']) seen.add(statementBytes(subject, verdict, reason).toString("utf8"));
  assert.equal(seen.size, subjects.length * 9);
});

test("a subject reads back from its text, and from no other text that means the same", () => {
  assert.deepEqual(parseSubject(subjectText(SUBJECT)), SUBJECT);
  const bad = [
    "",
    "null",
    "[]",
    "{}",
    JSON.stringify(SUBJECT, undefined, 1),
    subjectText(SUBJECT).replace('"vault"', '"vault":"x","vault"'),
    subjectText({ ...SUBJECT, extra: "x" } as ApprovalSubject),
    subjectText({ ...SUBJECT, rules: [{ ...SUBJECT.rules[0], quorum: 0 } as never] }),
    subjectText({ ...SUBJECT, rules: [{ ...SUBJECT.rules[0], roles: [] } as never] }),
    subjectText({ ...SUBJECT, rules: "none" as never }),
    subjectText({ ...SUBJECT, override: {} as never }),
    subjectText({ ...SUBJECT, requester: 5 as never }),
  ];
  for (const text of bad) assert.throws(() => parseSubject(text), HsmError, text);
});

test("three kinds of keys are taken, as PEM, base64 and DER; one key has one name", () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    const pair = make();
    const der = pair.publicKey.export({ format: "der", type: "spki" });
    const key = parseApproverKey(pem(pair));
    assert.equal(key.kind, kind);
    assert.equal(key.id, hash("sha256", der, "hex"));
    assert.deepEqual(parseApproverKey(der.toString("base64")), key);
    assert.deepEqual(parseApproverKey(der), key);
  }
});

test("private keys and keys of other kinds are refused, and a private key by name", () => {
  const { privateKey } = KINDS.Ed25519();
  assert.throws(() => parseApproverKey(privateKey.export({ format: "pem", type: "pkcs8" }) as string), /private key/);
  for (const other of [
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("ed448"),
    generateKeyPairSync("x25519"),
    generateKeyPairSync("ml-dsa-44"),
  ])
    assert.throws(() => parseApproverKey(other.publicKey.export({ format: "pem", type: "spki" }) as string), HsmError);
  assert.throws(() => parseApproverKey(privateKey.export({ format: "der", type: "pkcs8" })), HsmError);
  for (const text of ["", "hello", "AAAA", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"])
    assert.throws(() => parseApproverKey(text), HsmError, text);
});

test("a signature is good for its statement alone, whatever the kind of key", () => {
  const statement = statementBytes(SUBJECT, "approve", "");
  for (const pair of Object.values(PAIRS)) {
    const key = parseApproverKey(pem(pair));
    const signature = signed(pair, statement);
    assert.equal(signatureMatches(key, statement, signature), true);
    assert.equal(signatureMatches(key, statementBytes(SUBJECT, "deny", ""), signature), false, "another verdict");
    assert.equal(
      signatureMatches(key, statementBytes({ ...SUBJECT, approval: "0197-b" }, "approve", ""), signature),
      false,
      "another request",
    );
    assert.equal(signatureMatches(key, registrationBytes("vault-1", "cert:bob", key.id), signature), false, "another purpose");
    for (const other of Object.values(PAIRS))
      if (other !== pair) assert.equal(signatureMatches(parseApproverKey(pem(other)), statement, signature), false, "another key");
    for (const at of [0, signature.length >> 1, signature.length - 1])
      assert.equal(signatureMatches(key, statement, signature.with(at, (signature[at] as number) ^ 1)), false, `byte ${at}`);
  }
});

test("what is no signature is refused without an error", () => {
  const key = parseApproverKey(pem(PAIRS["bob"] as Pair));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4000 }), (bytes) => assert.equal(signatureMatches(key, Buffer.from("x"), bytes), false)),
  );
});

/** What an authenticator of this key answers. */
function asserted(pair: Pair, statement: Uint8Array, changed: { flags?: number; client?: object; rp?: string } = {}) {
  const authenticatorData = Buffer.concat([
    hash("sha256", changed.rp ?? "hsm.example", "buffer"),
    Buffer.from([changed.flags ?? 0x05, 0, 0, 0, 1]),
  ]);
  const clientDataJson = Buffer.from(
    JSON.stringify({
      type: "webauthn.get",
      challenge: hash("sha256", statement, "base64url"),
      origin: "https://hsm.example",
      ...changed.client,
    }),
  );
  const signature = signed(pair, Buffer.concat([authenticatorData, hash("sha256", clientDataJson, "buffer")]));
  return { assertion: { authenticatorData, clientDataJson }, signature };
}

test("an authenticator's assertion counts when its challenge is the statement's digest and a person was verified", () => {
  const statement = statementBytes(SUBJECT, "approve", "");
  for (const pair of [PAIRS["bob"] as Pair, PAIRS["carol"] as Pair]) {
    const key = parseApproverKey(pem(pair));
    const good = asserted(pair, statement);
    assert.equal(assertionMatches(key, statement, good.assertion, good.signature), true);
    assert.equal(assertionMatches(key, statementBytes(SUBJECT, "deny", ""), good.assertion, good.signature), false);
    assert.equal(madeFor("hsm.example", good.assertion), true);
    assert.equal(madeFor("evil.example", good.assertion), false);
    for (const changed of [
      { flags: 0x01 },
      { flags: 0x04 },
      { flags: 0 },
      { client: { type: "webauthn.create" } },
      { client: { challenge: hash("sha256", "other", "base64url") } },
      { client: { challenge: 5 } },
      { client: { crossOrigin: true } },
    ]) {
      const bad = asserted(pair, statement, changed);
      assert.equal(assertionMatches(key, statement, bad.assertion, bad.signature), false, JSON.stringify(changed));
    }
    for (const authenticatorData of [Buffer.alloc(0), good.assertion.authenticatorData.subarray(0, 36)])
      assert.equal(assertionMatches(key, statement, { ...good.assertion, authenticatorData }, good.signature), false);
    for (const text of ["", "null", "5", "{"])
      assert.equal(assertionMatches(key, statement, { ...good.assertion, clientDataJson: Buffer.from(text) }, good.signature), false);
  }
});

test("evidence is approved when enough persons with the right roles signed", () => {
  assert.equal(checkEvidence(evidence([verdictOf("bob"), verdictOf("carol")])).approved, true);
  assert.equal(checkEvidence(evidence([verdictOf("bob"), verdictOf("dave")])).approved, true);
  const waiting = checkEvidence(evidence([verdictOf("bob")]));
  assert.deepEqual([waiting.approved, waiting.problems], [false, []]);
  assert.equal(
    checkEvidence(evidence([verdictOf("bob"), { ...verdictOf("carol"), person: "bob" }])).approved,
    false,
    "one person, two keys",
  );
  assert.equal(checkEvidence(evidence([])).approved, false);
  assert.equal(checkEvidence(evidence([verdictOf("bob"), verdictOf("carol", "approve", { roles: ["Auditor"] })])).approved, false);
  assert.equal(checkEvidence(evidence([verdictOf("bob"), verdictOf("carol"), verdictOf("dave", "deny")])).approved, false);
});

test("an override counts by its own rule, and not at all where there is none", () => {
  const override = [verdictOf("bob", "override", { reason: "fire" }), verdictOf("carol", "override", { reason: "fire" })];
  assert.equal(checkEvidence(evidence(override)).approved, true);
  assert.equal(checkEvidence(evidence(override.slice(0, 1))).approved, false);
  assert.equal(checkEvidence(evidence([override[0] as EvidencedVerdict, verdictOf("carol")])).approved, false);
  const none = { ...SUBJECT, override: null };
  const signedOnNone = ["bob", "carol"].map((person) => verdictOf(person, "override", { reason: "fire" }, none));
  assert.equal(checkEvidence(evidence(signedOnNone, none)).approved, false);
});

test("altered evidence is found: every member of the subject and of a verdict that is signed", () => {
  const good = [verdictOf("bob"), verdictOf("carol")];
  const altered: ApprovalEvidence[] = [
    ...Object.keys(SUBJECT).map((name) =>
      evidence(good, {
        ...SUBJECT,
        [name]:
          name === "rules"
            ? [{ ...SUBJECT.rules[0], quorum: 1 }]
            : name === "override"
              ? null
              : name === "request"
                ? {}
                : name === "expires"
                  ? "2031-01-01T00:00:00.000Z"
                  : name === "created"
                    ? "2029-01-01T00:00:00.000Z"
                    : "x",
      } as ApprovalSubject),
    ),
    evidence([{ ...verdictOf("bob", "deny"), verdict: "approve" }, verdictOf("carol")]),
    evidence([{ ...verdictOf("bob"), reason: "said later" }, verdictOf("carol")]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), publicKey: verdictOf("dave").publicKey }]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), keyId: verdictOf("dave").keyId }]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), signature: verdictOf("bob").signature }]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), person: "alice" }]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), principal: "cert:alice" }]),
    evidence([verdictOf("bob"), verdictOf("bob")]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), time: "2030-01-01T01:00:00.001Z" }]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), time: "2029-12-31T23:59:59.999Z" }]),
    evidence([verdictOf("bob"), { ...verdictOf("carol"), verdict: "allow" as Verdict }]),
  ];
  for (const one of altered) {
    const report = checkEvidence(one);
    assert.equal(report.approved, false, JSON.stringify(one).slice(0, 2000));
    assert.notDeepEqual(report.problems, []);
  }
});

test("a checker who names keys trusts no other", () => {
  const keys = ["bob", "carol"].map((person) => pem(PAIRS[person] as Pair));
  assert.equal(checkEvidence(evidence([verdictOf("bob"), verdictOf("carol")]), keys).approved, true);
  assert.match(checkEvidence(evidence([verdictOf("bob"), verdictOf("dave")]), keys).problems.join(), /none of those given/);
});

test("evidence survives its JSON, and what is none is refused", () => {
  const good = evidence([verdictOf("bob"), verdictOf("carol")]);
  assert.deepEqual(parseEvidence(JSON.stringify(good)), good);
  for (const text of [
    "",
    "null",
    "{}",
    "[]",
    '{"subject":"","requesterPerson":"","verdicts":[null]}',
    '{"subject":"","requesterPerson":"","verdicts":[{}]}',
  ])
    assert.throws(() => parseEvidence(text), HsmError, text);
});

test("evidence with anything in the place of anything is refused or not approved, and nothing else happens", () => {
  const good = evidence([verdictOf("bob"), verdictOf("carol")]);
  const places = fc.constantFrom(
    ...(["subject", "requesterPerson", "verdicts"] as const).map((name) => ["", name] as const),
    ...Object.keys(good.verdicts[0] as object).map((name) => ["verdicts", name] as const),
  );
  fc.assert(
    fc.property(
      places,
      fc.oneof(
        fc.json(),
        fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
      ),
      ([under, name], text) => {
        const value: unknown = JSON.parse(text);
        const mutated =
          under === "" ? { ...good, [name]: value } : { ...good, verdicts: [{ ...good.verdicts[0], [name]: value }, good.verdicts[1]] };
        if (JSON.stringify(mutated) === JSON.stringify(good)) return;
        try {
          const report = checkEvidence(parseEvidence(JSON.stringify(mutated)));
          // Who it was and when, the evidence says alone; everything else is signed.
          if (!["principal", "person", "requesterPerson", "time", "roles", "authenticatorData", "clientDataJson"].includes(name))
            assert.equal(report.approved, false, JSON.stringify(mutated).slice(0, 500));
        } catch (error) {
          assert.ok(error instanceof HsmError, String(error));
        }
      },
    ),
    { numRuns: 3000 },
  );
});
