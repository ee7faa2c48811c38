import assert from "node:assert/strict";
import { generateKeyPairSync, hash, randomBytes, sign as signBytes } from "node:crypto";
import { test } from "node:test";
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import type { ApprovalRuleConfig, ApprovalsConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { ApprovalState } from "@keystead/contract/generated/hsm/approvals_pb";
import {
  Algorithm,
  BatchRequestSchema,
  ExportPolicy,
  SignRequestSchema,
  SignResponseSchema,
  ExportKeyResponseSchema,
} from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { activateKey } from "@keystead/contract/operations/activate-key";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { batch } from "@keystead/contract/operations/batch";
import { cancelRequest } from "@keystead/contract/operations/cancel-request";
import { createUser } from "@keystead/contract/operations/create-user";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { denyRequest } from "@keystead/contract/operations/deny-request";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getApproval } from "@keystead/contract/operations/get-approval";
import { getKey } from "@keystead/contract/operations/get-key";
import { listApprovals } from "@keystead/contract/operations/list-approvals";
import { listApproverKeys } from "@keystead/contract/operations/list-approver-keys";
import { overrideApproval } from "@keystead/contract/operations/override-approval";
import { registerApproverKey } from "@keystead/contract/operations/register-approver-key";
import { revokeApproverKey } from "@keystead/contract/operations/revoke-approver-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { sign } from "@keystead/contract/operations/sign";
import { updateKey } from "@keystead/contract/operations/update-key";
import { checkEvidence } from "@keystead/crypto/public/approval-evidence";
import { parseSubject, registrationBytes, statementBytes, statementDigest, type Verdict } from "@keystead/crypto/public/approval-statement";
import { parseApproverKey, signatureMatches } from "@keystead/crypto/public/approver-key";
import { parsePolicy } from "@keystead/contract/policy/parse";
import type { Principal } from "../authenticate/principal.ts";
import { CompiledPolicy } from "../authorize/compile.ts";
import { NO_DELEGATIONS } from "../authorize/delegations.ts";
import { findRole } from "../authorize/roles.ts";
import { approver, person, type TestApprover } from "../testing/approvers.ts";
import { codeAs } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import type { Approval } from "./approval.ts";

const ALICE = person("alice", ["Administrator"]);
const BOB = approver(person("bob", ["KeyAdmin"]));
const CAROL = approver(person("carol", ["KeyAdmin", "Auditor"]));
const DAVE = approver(person("dave", ["Administrator"]));
const EVERYBODY = [BOB, CAROL, DAVE];
const RULE: ApprovalRuleConfig = {
  name: "ends",
  operations: ["DeleteKey"],
  permissions: [],
  namespaces: [],
  keyTags: [],
  quorum: 2,
  roles: ["KeyAdmin"],
  expirySeconds: 3600,
  reason: "keys end once",
};

/** A vault with these rules, two namespaces, and a key `k` in the first. */
async function vaultWith(rules: readonly ApprovalRuleConfig[] = [RULE], more: Partial<ApprovalsConfig> = {}): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  await vault.ask(createNamespace, { namespace: "tenant" });
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519, tags: ["critical"], exportable: ExportPolicy.PLAIN });
  await configure(vault, rules, more);
  vault.people.set(ALICE.id, ALICE);
  return vault;
}

async function configure(vault: ClockedVault, rules: readonly ApprovalRuleConfig[], more: Partial<ApprovalsConfig> = {}): Promise<void> {
  vault.approvalsConfig = {
    ...vault.approvalsConfig,
    approverKeys: EVERYBODY.map(({ principal, publicKey }) => ({ principal: principal.id, publicKey })),
    ...more,
    rules,
  };
  await vault.reopen();
}

const refusal = (asking: Promise<unknown>): Promise<HsmError> =>
  asking.then(
    () => assert.fail("not refused"),
    (error: unknown) => {
      assert.ok(error instanceof HsmError, String(error));
      return error;
    },
  );

/** Asks for what must wait. @returns the id of the pending request */
async function held<I extends DescMessage>(
  vault: ClockedVault,
  operation: Operation<I>,
  request: MessageInitShape<I>,
  principal: Principal = ALICE,
): Promise<string> {
  const error = await refusal(vault.askAs(principal, operation as Operation, request as never));
  assert.equal(error.code, "APPROVAL_REQUIRED", error.message);
  assert.equal(error.number, 104);
  return error.approvalId as string;
}

const document = (vault: ClockedVault, id: string): Approval => vault.vault.documents.get<Approval>("approval", id)?.value as Approval;
const VERDICTS = { approve: approveRequest, deny: denyRequest, override: overrideApproval } as const;

function say(vault: ClockedVault, who: TestApprover, id: string, verdict: Verdict = "approve", reason = "", as: Principal = who.principal) {
  return vault.askAs(as, VERDICTS[verdict] as typeof approveRequest, who.says(id, document(vault, id).subject, verdict, reason));
}

/** Waits until what is being performed has ended. */
async function finished(vault: ClockedVault, id: string): Promise<Approval> {
  await vault.approvals.execute(id);
  return document(vault, id);
}

const stateOf = async (vault: ClockedVault, keyId = "k"): Promise<string> =>
  vault.ask(getKey, { keyId }).then(
    ({ key }) => String(key?.state),
    (error: HsmError) => error.code,
  );

test("a request waits, two persons agree by their signatures, and it is done exactly once, as it was asked for", async () => {
  const vault = await vaultWith();
  const before = await stateOf(vault);
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal(await stateOf(vault), before);
  assert.equal((await say(vault, BOB, id)).status, "pending");
  assert.equal(await stateOf(vault), before);
  assert.equal((await say(vault, CAROL, id)).status, "approved");
  const done = await finished(vault, id);
  assert.deepEqual([done.state, done.outcome], ["done", "OK"]);
  assert.notEqual(await stateOf(vault), before);
  const events = await vault.events();
  assert.deepEqual(
    events
      .filter(({ approval }) => approval?.id === id)
      .map(({ action, decision, outcome, principal }) => [action, decision, outcome, principal]),
    [
      ["DeleteKey", "pending", "APPROVAL_REQUIRED", "cert:alice"],
      ["ApproveRequest", "allow", "OK", "cert:bob"],
      ["ApproveRequest", "allow", "OK", "cert:carol"],
      ["DeleteKey", "allow", "OK", "cert:alice"],
    ],
  );
});

test("the performance and the end of the request are one transaction, in the event of what was done", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  await finished(vault, id);
  const event = (await vault.events("DeleteKey")).at(-1);
  const names = event?.records?.map(({ name }) => name) ?? [];
  assert.ok(names.includes(`_server/approval/${id}/0`), names.join());
  assert.ok(names.includes("default/key/k/0"), names.join());
});

test("the log names approval, key, digest and signature of each verdict, which anybody can check", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id, "approve", "seen");
  const [event] = await vault.events("ApproveRequest");
  const statement = statementBytes(parseSubject(document(vault, id).subject), "approve", "seen");
  assert.equal(event?.approval?.digest, statementDigest(statement));
  assert.equal(event?.approval?.key, BOB.keyId);
  assert.deepEqual([event?.namespace, event?.key], ["default", "k"]);
  const key = vault.approvals.keys.get(BOB.keyId);
  assert.ok(key !== undefined);
  assert.equal(signatureMatches(key, statement, Buffer.from(event?.approval?.signature ?? "", "base64")), true);
});

test("the subject says what is asked for, and hides what is secret", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Encrypt"] }]);
  await vault.ask(generateKey, { keyId: "aes", algorithm: Algorithm.Aes256Gcm });
  const id = await held(vault, encrypt, { keyId: "aes", plaintext: Buffer.from("the secret text"), associatedData: Buffer.from("v1") });
  const { subject } = document(vault, id);
  assert.equal(subject.includes("the secret text"), false);
  const { request, operation, requester, vault: vaultId, policy, rules } = parseSubject(subject);
  assert.deepEqual([operation, requester, policy], ["Encrypt", "cert:alice", "1"]);
  assert.equal(vaultId, vault.vault.hierarchy.vaultId);
  assert.deepEqual(rules, [{ quorum: 2, reason: "keys end once", roles: ["KeyAdmin"], rule: "ends" }]);
  const fields = request as Record<string, unknown>;
  assert.equal(fields["plaintext"], "[secret]");
  assert.deepEqual(fields["associated_data"], { bytes: 2, sha256: hash("sha256", "v1", "hex") });
});

test("the requester fetches the result; a stranger does not see the request, an approver not the result", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], quorum: 1 }]);
  const id = await held(vault, sign, { keyId: "k", data: Buffer.from("x") });
  assert.equal((await refusal(vault.askAs(person("eve", ["Service"]), getApproval, { approvalId: id }))).code, "OBJECT_NOT_FOUND");
  await say(vault, BOB, id);
  await finished(vault, id);
  assert.equal((await vault.askAs(BOB.principal, getApproval, { approvalId: id, withResult: true })).result.length, 0);
  for (const _time of [1, 2]) {
    const { result, resultJson, approval } = await vault.askAs(ALICE, getApproval, { approvalId: id, withResult: true });
    assert.deepEqual([approval?.state, approval?.outcome, approval?.approvedBy], [ApprovalState.DONE, "OK", "cert:bob"]);
    assert.equal(fromBinary(SignResponseSchema, result).signature.length, 64);
    assert.equal(typeof JSON.parse(resultJson).signature, "string");
  }
});

test("a result that is given once is not given, and is kept, while log or store cannot be trusted", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["ExportKey"], quorum: 1 }]);
  const id = await held(vault, exportKey, { keyId: "k", plain: true });
  await say(vault, BOB, id);
  assert.equal((await finished(vault, id)).result, "secret");
  vault.monitor.stop(new HsmError("INTEGRITY_FAILURE", "for this test"));
  assert.equal(await vault.codeOf(vault.askAs(ALICE, getApproval, { approvalId: id, withResult: true })), "INTEGRITY_FAILURE");
  assert.equal(await vault.codeOf(vault.askAs(ALICE, getApproval, { approvalId: id })), "OK");
  assert.equal(await vault.codeOf(vault.askAs(ALICE, cancelRequest, { approvalId: id })), "INTEGRITY_FAILURE");
  await vault.reopen();
  assert.ok((await vault.askAs(ALICE, getApproval, { approvalId: id, withResult: true })).result.length > 0);
});

test("a result that holds a secret is given once, and is not on the disk afterwards", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["ExportKey"], quorum: 1 }]);
  const id = await held(vault, exportKey, { keyId: "k", plain: true });
  await say(vault, BOB, id);
  assert.equal((await finished(vault, id)).result, "secret");
  await vault.reopen();
  const unasked = await vault.askAs(ALICE, getApproval, { approvalId: id });
  assert.deepEqual([unasked.result.length, unasked.approval?.hasResult], [0, true]);
  const first = await vault.askAs(ALICE, getApproval, { approvalId: id, withResult: true });
  assert.equal(first.resultJson, "");
  assert.ok(fromBinary(ExportKeyResponseSchema, first.result).keyMaterial.length > 0);
  assert.equal((await vault.askAs(ALICE, getApproval, { approvalId: id, withResult: true })).result.length, 0);
  assert.equal((await vault.vault.documents.material("approval", id)).length, 0);
});

test("the exact message is kept while it waits and gone once nothing comes of it", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.ok((await vault.vault.documents.material("approval", id)).length > 0);
  await say(vault, BOB, id, "deny", "no");
  assert.equal((await vault.vault.documents.material("approval", id)).length, 0);
});

test("seen elsewhere, not here: a quorum of zero or none, and a rule without roles, are refused at the start and never met", async () => {
  for (const wrong of [
    { quorum: 0 },
    { quorum: -1 },
    { quorum: 1.5 },
    { quorum: undefined as never },
    { quorum: NaN },
    { roles: [] },
    { roles: [""] },
  ]) {
    const vault = await ClockedVault.open();
    await assert.rejects(configure(vault, [{ ...RULE, ...wrong }]), HsmError, JSON.stringify(wrong));
  }
  const vault = await vaultWith([]);
  vault.gates.push((asked) => {
    if (asked.operation.name === "DeleteKey")
      asked.raise({ rule: "script", quorum: 0, roles: ["KeyAdmin"], expirySeconds: 60, reason: "" });
    return undefined;
  });
  assert.equal((await refusal(vault.askAs(ALICE, deleteKey, { keyId: "k" }))).code, "PERMISSION_DENIED");
});

test("seen elsewhere, not here: a role of the same name in another tenant does not count", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const stranger = person("bob", ["KeyAdmin"], ["tenant"]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await refusal(say(vault, BOB, id, "approve", "", stranger))).code, "OBJECT_NOT_FOUND");
  assert.equal(document(vault, id).state, "pending");
});

/** From now on this is the policy. */
function govern(vault: ClockedVault, document: object): void {
  const compiled = new CompiledPolicy(parsePolicy(JSON.stringify({ format: 1, ...document }), findRole));
  vault.authorizer.use({
    policy: () => compiled,
    delegations: NO_DELEGATIONS,
    keyFacts: async (namespace, keyId) => {
      const { algorithm, tags } = (await vault.vault.objects.describe(namespace, keyId)).attributes;
      return { algorithm, tags };
    },
  });
}

test("seen elsewhere, not here: a group of the same name in another tenant does not count, and no group hides in another", async () => {
  const vault = await vaultWith([]);
  await vault.ask(generateKey, { namespace: "tenant", keyId: "t", algorithm: Algorithm.Ed25519 });
  const nobody = { ...BOB, principal: person("bob", []) };
  const [here, there] = ["default", "tenant"].map((namespace) => ({
    groups: { [`${namespace}/officers`]: { members: ["cert:bob"] } },
    bindings: [{ id: "officers", members: [`group:${namespace}/officers`], roles: ["KeyAdmin"], namespaces: [namespace] }],
    approvals: [{ id: "ends", permissions: ["key:destroy"], namespaces: ["*"], quorum: 1, role: "KeyAdmin" }],
  })) as [object, object];
  govern(vault, there);
  const id = await held(vault, deleteKey, { keyId: "k" });
  const approve = { ...nobody.says(id, document(vault, id).subject, "approve"), namespace: "default" };
  assert.equal((await refusal(vault.askAs(nobody.principal, approveRequest, approve))).code, "PERMISSION_DENIED");
  assert.equal(
    (await refusal(vault.askAs(nobody.principal, approveRequest, { ...approve, namespace: "tenant" }))).code,
    "OBJECT_NOT_FOUND",
  );
  govern(vault, here);
  assert.equal((await vault.askAs(nobody.principal, approveRequest, approve)).status, "approved");
  assert.equal((await finished(vault, id)).state, "done");
  assert.throws(
    () =>
      govern(vault, { groups: { "default/all": { members: ["group:default/officers"] }, "default/officers": { members: ["cert:bob"] } } }),
    /cannot be a member of a group/,
  );
});

test("a role that is bound to an address counts from there, at the time of the verdict, and from nowhere else", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  govern(vault, {
    bindings: [
      {
        id: "office",
        members: ["cert:bob"],
        roles: ["KeyAdmin"],
        namespaces: ["*"],
        condition: 'in_range(request.address, "192.0.2.0/24")',
      },
    ],
  });
  const bob = person("bob", ["Operator"]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  const verdict = BOB.says(id, document(vault, id).subject, "approve");
  const from = (address: string): Promise<string> => codeAs(vault.monitor, bob, approveRequest, verdict, address);
  assert.equal(await from("198.51.100.7"), "PERMISSION_DENIED");
  assert.equal(document(vault, id).verdicts.length, 0);
  assert.equal(await from("192.0.2.7"), "OK");
  assert.equal((await finished(vault, id)).state, "done");
  assert.deepEqual(document(vault, id).verdicts[0]?.roles, ["Operator", "KeyAdmin"]);
});

test("a rule with namespaces about what is the server's means nothing, and is refused by its name", async () => {
  for (const wrong of [{ operations: ["DeleteKey", "SetPolicy"] }, { operations: [], permissions: ["key:destroy", "vault:seal"] }]) {
    const vault = await ClockedVault.open();
    const error = await refusal(configure(vault, [{ ...RULE, ...wrong, namespaces: ["default"] }]));
    assert.match(error.detail, /^approval rule ends: (?:SetPolicy|vault:seal) is about the server/);
    await configure(vault, [{ ...RULE, ...wrong }]);
  }
});

test("an approval rule of the policy holds a request back, and what it asks for by then is asked for", async () => {
  const vault = await vaultWith([]);
  const rule = { id: "ends", permissions: ["key:destroy"], namespaces: ["default"], quorum: 1, role: "KeyAdmin", expirySeconds: 60 };
  govern(vault, { approvals: [rule] });
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.deepEqual(
    parseSubject(document(vault, id).subject).rules.map(({ rule: name, quorum, roles }) => [name, quorum, roles]),
    [["ends", 1, ["KeyAdmin"]]],
  );
  govern(vault, { approvals: [{ ...rule, quorum: 2 }] });
  await say(vault, BOB, id);
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.detail], ["failed", "the policy asks for more by now: ends"]);
});

test("seen elsewhere, not here: the requester approves nothing by asking again", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  for (let times = 0; times < 5; times += 1) assert.equal(await held(vault, deleteKey, { keyId: "k" }), id);
  assert.deepEqual([document(vault, id).state, document(vault, id).verdicts.length], ["pending", 0]);
  assert.equal(vault.vault.documents.count("approval"), 1);
});

test("seen elsewhere, not here: the requester never counts, whatever roles and keys he has", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  vault.people.set(BOB.principal.id, BOB.principal);
  const id = await held(vault, deleteKey, { keyId: "k" }, BOB.principal);
  const { code, detail } = await refusal(say(vault, BOB, id));
  assert.deepEqual([code, detail], ["PERMISSION_DENIED", "the requester's own word does not count"]);
});

test("seen elsewhere, not here: the same person through two logins counts once, and not at all for a request of her own", async () => {
  const other = approver({ ...person("bob", ["KeyAdmin"]), id: "jwt:office:bob", method: "token" });
  const vault = await vaultWith([RULE], {
    approverKeys: [...EVERYBODY, other].map(({ principal, publicKey }) => ({ principal: principal.id, publicKey })),
    persons: { bob: ["cert:bob", "jwt:office:bob"] },
  });
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.match((await refusal(say(vault, other, id))).detail, /this person has given this verdict before/);
  assert.equal(document(vault, id).state, "pending");
  const own = await held(vault, deleteKey, { keyId: "k" }, BOB.principal);
  assert.match((await refusal(say(vault, other, own))).detail, /the requester's own word/);
});

test("seen elsewhere, not here: a local user is the person whom the user's record names, and so is whoever the configuration maps to that name", async () => {
  const local: Principal = { ...person("bob", ["KeyAdmin"]), id: "user:bobby", method: "local user" };
  const byUser = approver(local);
  const vault = await vaultWith([RULE], {
    approverKeys: [BOB, byUser].map(({ principal, publicKey }) => ({ principal: principal.id, publicKey })),
    persons: { bob: ["cert:bob"] },
  });
  await vault.ask(createUser, {
    name: "bobby",
    person: "bob",
    password: Buffer.from("a long password"),
    roles: ["KeyAdmin"],
    namespaces: ["*"],
  });
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.match((await refusal(say(vault, byUser, id))).detail, /this person has given this verdict before/);
  const own = await held(vault, deleteKey, { keyId: "k" }, local);
  assert.match((await refusal(say(vault, BOB, own))).detail, /the requester's own word/);
});

test("seen elsewhere, not here: scripts and other gates cannot lift what a rule demands, and what they demand comes on top", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  vault.gates.push((asked) => {
    (asked.raised as unknown as unknown[]).length = 0;
    if (asked.operation.name === "DeleteKey") asked.raise({ rule: "script", quorum: 1, roles: ["Auditor"], expirySeconds: 60, reason: "" });
    return undefined;
  });
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await say(vault, BOB, id)).status, "pending");
  assert.equal((await say(vault, CAROL, id)).status, "approved");
  assert.equal((await finished(vault, id)).state, "done");
});

test("seen elsewhere, not here: an item of a batch does not pass beside its rule", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], keyTags: ["critical"] }]);
  await vault.ask(generateKey, { keyId: "plain", algorithm: Algorithm.Ed25519 });
  const item = (keyId: string) => ({
    operation: { case: "sign" as const, value: create(SignRequestSchema, { keyId, data: Buffer.from("x") }) },
  });
  const { results } = await vault.askAs(ALICE, batch, create(BatchRequestSchema, { items: [item("k"), item("plain")] }));
  assert.equal(results[0]?.result.case === "error" && results[0].result.value.code, "APPROVAL_REQUIRED");
  assert.equal(results[1]?.result.case, "sign");
  assert.equal(vault.vault.documents.count("approval"), 0);
});

test("seen elsewhere, not here: the server's own duties wait like everybody: a key with a date is not activated past its rule", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["ActivateKey"], quorum: 1 }]);
  await vault.ask(generateKey, {
    keyId: "later",
    algorithm: Algorithm.Ed25519,
    attributes: { startDate: { seconds: BigInt(vault.now / 1000 + 60), nanos: 0 } },
  });
  await vault.pass(120_000);
  assert.equal((await vault.ask(getKey, { keyId: "later" })).key?.state, 1);
  const [waiting] = vault.vault.documents.list<Approval>("approval");
  assert.equal(waiting?.value.listing?.namespace, "default", "a listing reads it without the text");
  assert.equal(waiting?.value.requester.id, "ceremony:lifecycle");
});

test("what ceremonies, services and logins without a name say never counts", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  for (const method of ["ceremony", "development listener", "service account", "anonymous"] as const)
    assert.match((await refusal(say(vault, BOB, id, "approve", "", { ...BOB.principal, method }))).detail, /no person's/);
});

test("who lacks the role, or shows another's key, does not count", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.match((await refusal(say(vault, DAVE, id))).detail, /none of your roles counts here; asked for: KeyAdmin/);
  assert.match((await refusal(say(vault, BOB, id, "approve", "", CAROL.principal))).detail, /somebody else's/);
  assert.match((await refusal(say(vault, approver(BOB.principal), id))).detail, /there is no such approver key/);
});

test("forged, replayed and mislaid signatures are refused: another request, another verdict, another reason, a changed byte", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  await vault.ask(generateKey, { keyId: "k2", algorithm: Algorithm.Ed25519 });
  const id = await held(vault, deleteKey, { keyId: "k" });
  const other = await held(vault, deleteKey, { keyId: "k2" });
  const { subject } = document(vault, id);
  const right = BOB.says(id, subject, "approve", "");
  const wrong: Record<string, { approvalId: string; approverKey: string; signature: Uint8Array; reason: string }> = {
    "of another request": { ...BOB.says(id, document(vault, other).subject, "approve"), approvalId: id },
    "of another verdict": BOB.says(id, subject, "deny"),
    "of an override": BOB.says(id, subject, "override"),
    "of another reason": { ...right, reason: "otherwise" },
    "of somebody else": { ...CAROL.says(id, subject, "approve"), approverKey: BOB.keyId },
    "of the subject alone": { ...right, signature: BOB.sign(Buffer.from(subject)) },
    "with a changed byte": { ...right, signature: right.signature.with(10, (right.signature[10] as number) ^ 1) },
    "of random bytes": { ...right, signature: randomBytes(64) },
    "of a later expiry": BOB.says(id, subject.replace("2030-01-01T01", "2030-01-01T09"), "approve"),
  };
  for (const [name, request] of Object.entries(wrong)) {
    const { code, detail } = await refusal(vault.askAs(BOB.principal, approveRequest, request));
    assert.deepEqual([code, detail], ["PERMISSION_DENIED", "the signature is not of this request and verdict"], name);
  }
  assert.equal(document(vault, id).verdicts.length, 0);
  assert.equal((await vault.askAs(BOB.principal, approveRequest, right)).status, "approved");
  await finished(vault, id);
  assert.equal((await refusal(vault.askAs(BOB.principal, approveRequest, right))).code, "OBJECT_CHANGED", "replayed");
});

test("one deny ends it; nobody but the requester takes it back", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.equal((await refusal(vault.askAs(BOB.principal, cancelRequest, { approvalId: id }))).code, "PERMISSION_DENIED");
  assert.equal((await say(vault, CAROL, id, "deny", "not today")).status, "denied");
  for (const asking of [say(vault, CAROL, id), vault.askAs(ALICE, cancelRequest, { approvalId: id })])
    assert.equal((await refusal(asking)).code, "OBJECT_CHANGED");
  const again = await held(vault, deleteKey, { keyId: "k" });
  assert.notEqual(again, id);
  assert.equal((await vault.askAs(ALICE, cancelRequest, { approvalId: again })).status, "cancelled");
  assert.equal((await refusal(say(vault, BOB, again))).code, "OBJECT_CHANGED");
});

test("what is over is over: an expired request takes no verdict, and its signatures serve for no other", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  vault.now += 3_600_000;
  assert.equal((await refusal(say(vault, BOB, id))).code, "OBJECT_CHANGED");
  await vault.approvals.tick();
  assert.equal(document(vault, id).state, "expired");
  const again = await held(vault, deleteKey, { keyId: "k" });
  const old = { ...BOB.says(again, document(vault, id).subject, "approve"), approvalId: again };
  assert.equal((await refusal(vault.askAs(BOB.principal, approveRequest, old))).code, "PERMISSION_DENIED");
});

test("closed requests are kept ninety days, and then no longer", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  await vault.askAs(ALICE, cancelRequest, { approvalId: id });
  vault.now += 90 * 86_400_000 - 1;
  await vault.approvals.tick();
  assert.ok(document(vault, id) !== undefined);
  vault.now += 1;
  await vault.approvals.tick();
  assert.equal(document(vault, id), undefined);
  await vault.reopen();
  assert.equal(document(vault, id), undefined);
});

test("a requester who lost the right meanwhile is refused, and who is nobody any more too", async () => {
  for (const now of [person("alice", ["Auditor"]), person("alice", ["Administrator"], ["tenant"]), undefined]) {
    const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
    const before = await stateOf(vault);
    const id = await held(vault, deleteKey, { keyId: "k" });
    if (now === undefined) vault.people.delete(ALICE.id);
    else vault.people.set(ALICE.id, now);
    await say(vault, BOB, id);
    const after = await finished(vault, id);
    assert.deepEqual([after.state, after.outcome], ["failed", "PERMISSION_DENIED"]);
    assert.equal(await stateOf(vault), before);
    assert.deepEqual(
      (await vault.events("DeleteKey")).map(({ outcome }) => outcome),
      ["APPROVAL_REQUIRED", "PERMISSION_DENIED"],
    );
  }
});

test("what is refused when it is performed has failed, says why, and is not tried again", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "absent" });
  await say(vault, BOB, id);
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.outcome], ["failed", "OBJECT_NOT_FOUND"]);
  await vault.approvals.tick();
  await vault.reopen();
  await vault.approvals.tick();
  assert.equal((await vault.events("DeleteKey")).length, 2);
});

test("rules that became stricter meanwhile are kept: what was approved by less is refused", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  vault.gates.push((asked) => {
    if (asked.operation.name === "DeleteKey") asked.raise({ rule: "new", quorum: 2, roles: ["KeyAdmin"], expirySeconds: 60, reason: "" });
    return undefined;
  });
  await say(vault, BOB, id);
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.outcome, after.detail], ["failed", "PERMISSION_DENIED", "the policy asks for more by now: new"]);
});

test("what a revoked key signed does not count any more", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.match((await refusal(vault.askAs(CAROL.principal, revokeApproverKey, { approverKey: BOB.keyId }))).detail, /somebody else's/);
  await vault.askAs(BOB.principal, revokeApproverKey, { approverKey: BOB.keyId, reason: "lost" });
  assert.equal((await say(vault, CAROL, id)).status, "pending");
  assert.match((await refusal(say(vault, BOB, id, "deny"))).detail, /revoked/);
  const fresh = approver(BOB.principal);
  const { vaultId } = await vault.askAs(BOB.principal, listApproverKeys, {});
  const signature = fresh.sign(registrationBytes(vaultId, "cert:bob", fresh.keyId));
  await vault.askAs(BOB.principal, registerApproverKey, { publicKey: fresh.publicKey, signature });
  assert.equal((await say(vault, fresh, id)).status, "approved", "who lost a key says it again with another");
  assert.equal((await finished(vault, id)).state, "done");
  await vault.reopen();
  assert.equal(vault.approvals.keys.stands(BOB.keyId), false, "the configuration does not bring it back");
});

test("a key is registered by proof of possession, belongs to one principal, and never comes back", async () => {
  const vault = await vaultWith();
  const { vaultId, principal } = await vault.askAs(BOB.principal, listApproverKeys, {});
  assert.deepEqual([vaultId, principal], [vault.vault.hierarchy.vaultId, "cert:bob"]);
  const fresh = approver(BOB.principal);
  const proof = (of: TestApprover, as = "cert:bob", vaultName = vaultId) => of.sign(registrationBytes(vaultName, as, of.keyId));
  const register = (who: Principal, publicKey: string, signature: Uint8Array) =>
    vault.askAs(who, registerApproverKey, { publicKey, signature });
  for (const signature of [
    proof(fresh, "cert:carol"),
    proof(fresh, "cert:bob", "another"),
    randomBytes(64),
    CAROL.sign(registrationBytes(vaultId, "cert:bob", fresh.keyId)),
  ])
    assert.equal((await refusal(register(BOB.principal, fresh.publicKey, signature))).code, "PERMISSION_DENIED");
  assert.equal((await refusal(register(CAROL.principal, fresh.publicKey, proof(fresh)))).code, "PERMISSION_DENIED");
  const { key } = await register(BOB.principal, fresh.publicKey, proof(fresh));
  assert.deepEqual([key?.id, key?.principal], [fresh.keyId, "cert:bob"]);
  assert.equal((await refusal(register(CAROL.principal, fresh.publicKey, proof(fresh, "cert:carol")))).code, "OBJECT_EXISTS");
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await say(vault, fresh, id)).status, "pending");
  await vault.askAs(DAVE.principal, revokeApproverKey, { approverKey: fresh.keyId });
  assert.equal((await refusal(register(BOB.principal, fresh.publicKey, proof(fresh)))).code, "OBJECT_EXISTS");
});

test("an emergency override has its own quorum and reason, and raises an alarm", async () => {
  const vault = await vaultWith([RULE], { override: { quorum: 2, roles: ["Administrator", "Auditor"] } });
  const admin = { ...CAROL, principal: person("carol", ["Administrator"]) };
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await refusal(say(vault, DAVE, id, "override", " "))).code, "PERMISSION_DENIED");
  assert.equal((await refusal(say(vault, BOB, id, "override", "fire", person("bob", ["KeyAdmin"])))).code, "PERMISSION_DENIED");
  assert.equal((await say(vault, DAVE, id, "override", "fire")).status, "pending");
  assert.equal((await say(vault, admin, id, "override", "fire")).status, "approved");
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.overridden], ["done", true]);
  assert.equal(vault.approvals.counters.overrides, 2);
  const alarms = vault.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ message }) => String(message).includes("override"));
  assert.deepEqual(
    alarms.map(({ level, principal, reason }) => [level, principal, reason]),
    [
      ["error", "cert:dave", "fire"],
      ["error", "cert:carol", "fire"],
    ],
  );
  assert.equal((await vault.events("OverrideApproval")).filter(({ outcome }) => outcome === "OK").length, 2);
});

test("without a rule for it there is no override", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.match((await refusal(say(vault, DAVE, id, "override", "fire"))).detail, /there is no emergency override/);
});

test("a rule by tag holds for the key's uses and for taking the tag away, and for no other key", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], keyTags: ["critical"], quorum: 1 }]);
  await vault.ask(generateKey, { keyId: "plain", algorithm: Algorithm.Ed25519 });
  await vault.askAs(ALICE, sign, { keyId: "plain", data: Buffer.from("x") });
  await held(vault, sign, { keyId: "k", data: Buffer.from("x") });
  await held(vault, updateKey, { keyId: "k", description: "harmless" });
  await vault.askAs(ALICE, updateKey, { keyId: "plain", description: "d" });
});

test("a rule by permission and namespace holds for every operation that needs it, there alone", async () => {
  const vault = await vaultWith([{ ...RULE, operations: [], permissions: ["key:rotate"], namespaces: ["tenant"] }]);
  await vault.ask(generateKey, { namespace: "tenant", keyId: "t", algorithm: Algorithm.Ed25519 });
  await held(vault, rotateKey, { namespace: "tenant", keyId: "t" });
  await vault.askAs(ALICE, rotateKey, { keyId: "k" });
});

test("a new key can be made to wait for a second person, whatever its request says", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["ActivateKey"], quorum: 1 }], { newKeysStaged: true });
  await vault.askAs(ALICE, generateKey, { keyId: "fresh", algorithm: Algorithm.Ed25519, state: 2 });
  assert.equal((await refusal(vault.askAs(ALICE, sign, { keyId: "fresh", data: Buffer.from("x") }))).code, "KEY_STATE_FORBIDS");
  const id = await held(vault, activateKey, { keyId: "fresh" });
  await say(vault, BOB, id);
  await finished(vault, id);
  await vault.askAs(ALICE, sign, { keyId: "fresh", data: Buffer.from("x") });
});

test("lists show one's own and what one may decide, within reach", async () => {
  const vault = await vaultWith([RULE]);
  await vault.ask(generateKey, { namespace: "tenant", keyId: "t", algorithm: Algorithm.Ed25519 });
  const here = await held(vault, deleteKey, { keyId: "k" });
  vault.now += 1;
  const there = await held(vault, deleteKey, { namespace: "tenant", keyId: "t" });
  const seen = async (who: Principal, more: MessageInitShape<(typeof listApprovals.method)["input"]> = {}): Promise<string[]> =>
    (await vault.askAs(who, listApprovals, more)).approvals.map(({ id }) => id);
  assert.deepEqual(await seen(BOB.principal), [here, there]);
  assert.deepEqual(await seen(person("erin", ["KeyAdmin"], ["tenant"])), [there]);
  assert.deepEqual(await seen(person("svc", ["Service"])), []);
  assert.deepEqual(await seen(ALICE, { namespace: "tenant" }), [there]);
  assert.deepEqual(await seen(ALICE, { state: ApprovalState.DONE }), []);
  const first = await vault.askAs(ALICE, listApprovals, { pageSize: 1 });
  assert.deepEqual([first.approvals[0]?.id, await seen(ALICE, { pageToken: first.nextPageToken })], [here, [there]]);
});

test("the evidence of a finished request verifies offline", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  await say(vault, CAROL, id, "approve", "agreed");
  const { subject, verdicts, requester } = await finished(vault, id);
  const evidence = { subject, verdicts: [...verdicts], requesterPerson: requester.person };
  assert.deepEqual(checkEvidence(evidence, [BOB.publicKey, CAROL.publicKey]).problems, []);
  assert.equal(checkEvidence(evidence, [BOB.publicKey, CAROL.publicKey]).approved, true);
  assert.equal(checkEvidence(evidence, [BOB.publicKey, DAVE.publicKey]).approved, false);
});

test("so many requests wait at most, of one requester", async () => {
  const vault = await vaultWith();
  for (let count = 0; count < 100; count += 1) await held(vault, deleteKey, { keyId: `k${count}` });
  assert.equal((await refusal(vault.askAs(ALICE, deleteKey, { keyId: "more" }))).code, "QUOTA_EXCEEDED");
  vault.people.set("cert:frank", person("frank", ["KeyAdmin"]));
  await held(vault, deleteKey, { keyId: "more" }, person("frank", ["KeyAdmin"]));
});

test("two of the same request at once are one", async () => {
  const vault = await vaultWith();
  const ids = await Promise.all(Array.from({ length: 20 }, () => held(vault, deleteKey, { keyId: "k" })));
  assert.equal(new Set(ids).size, 1);
  assert.equal(vault.vault.documents.count("approval"), 1);
});

test("a thousand racing calls perform a request at most once", async () => {
  for (let round = 0; round < 4; round += 1) {
    const vault = await vaultWith([{ ...RULE, operations: ["RotateKey"] }]);
    const id = await held(vault, rotateKey, { keyId: "k" });
    const { subject } = document(vault, id);
    const wants = [
      () => vault.askAs(BOB.principal, approveRequest, BOB.says(id, subject, "approve")),
      () => vault.askAs(CAROL.principal, approveRequest, CAROL.says(id, subject, "approve")),
      () => vault.askAs(ALICE, rotateKey, { keyId: "k" }),
      () => vault.approvals.execute(id),
      () => vault.approvals.tick(),
      ...(round % 2 === 0 ? [] : [() => vault.askAs(CAROL.principal, denyRequest, CAROL.says(id, subject, "deny"))]),
      ...(round < 2 ? [] : [() => vault.askAs(ALICE, cancelRequest, { approvalId: id })]),
    ];
    const order = Array.from({ length: 1000 }, (_, at) => at).map(
      (at) => wants[(at * 11 + round) % wants.length] as () => Promise<unknown>,
    );
    const answers = await Promise.allSettled(order.map((want) => want()));
    for (const answer of answers)
      if (answer.status === "rejected")
        assert.ok(
          ["OBJECT_CHANGED", "PERMISSION_DENIED", "APPROVAL_REQUIRED"].includes((answer.reason as HsmError).code),
          String(answer.reason),
        );
    const after = await finished(vault, id);
    const done = (await vault.events("RotateKey")).filter(({ outcome, approval }) => outcome === "OK" && approval?.id === id).length;
    assert.equal(done, after.state === "done" ? 1 : 0, `round ${round}: ${after.state}`);
    assert.ok(["done", "denied", "cancelled"].includes(after.state), after.state);
    if (round === 0) assert.equal(after.state, "done");
    assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 1 + done);
    await vault.monitor.close();
  }
});

test("a crash between the last approval and the performance loses nothing and does nothing twice", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["RotateKey"], quorum: 1 }]);
  const id = await held(vault, rotateKey, { keyId: "k" });
  // The server ends once the approval is durable and before anything is begun.
  await vault.approvals.close();
  assert.equal((await say(vault, BOB, id)).status, "approved");
  assert.equal(document(vault, id).state, "approved");
  await vault.reopen(false);
  assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 1);
  await vault.approvals.tick();
  assert.equal(document(vault, id).state, "done");
  assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 2);
  await vault.reopen(false);
  await vault.approvals.tick();
  assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 2);
});

test("a crash while something is performed that cannot be recorded with its effect is reported as unknown, and not repeated", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  await vault.approvals.close();
  await say(vault, BOB, id);
  const before = document(vault, id);
  await vault.vault.documents.record("BeginApproved", [{ kind: "approval", id }], () => [
    { kind: "approval", id, value: { ...before, state: "executing" } },
  ]);
  await vault.reopen(false);
  await vault.approvals.tick();
  assert.deepEqual([document(vault, id).state, document(vault, id).outcome], ["failed", "UNKNOWN"]);
  await vault.approvals.tick();
  assert.equal((await vault.events("DeleteKey")).length, 1);
});

test("what was approved and not performed in its time is not performed later", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  await vault.approvals.close();
  await say(vault, BOB, id);
  vault.now += 3_600_000;
  await vault.reopen(false);
  await vault.approvals.tick();
  assert.equal(document(vault, id).state, "expired");
  assert.equal((await vault.events("DeleteKey")).length, 1);
});

test("a message is performed as it was kept, to the byte", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], quorum: 1 }]);
  const message = create(SignRequestSchema, { keyId: "k", data: randomBytes(1000) });
  const id = await held(vault, sign, message);
  assert.deepEqual(await vault.vault.documents.material("approval", id), Buffer.from(toBinary(SignRequestSchema, message)));
  assert.equal(parseSubject(document(vault, id).subject).payload, hash("sha256", toBinary(SignRequestSchema, message), "hex"));
});

test("an authenticator's key approves by assertions for its own site, and by nothing else", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey = pair.publicKey.export({ format: "pem", type: "spki" }) as string;
  const asserted = (statement: Uint8Array, site = "hsm.example") => {
    const authenticatorData = Buffer.concat([hash("sha256", site, "buffer"), Buffer.from([0x05, 0, 0, 0, 1])]);
    const clientDataJson = Buffer.from(
      JSON.stringify({ type: "webauthn.get", challenge: hash("sha256", statement, "base64url"), origin: `https://${site}` }),
    );
    const signature = signBytes("sha256", Buffer.concat([authenticatorData, hash("sha256", clientDataJson, "buffer")]), pair.privateKey);
    return { signature, assertion: { authenticatorData, clientDataJson } };
  };
  const keyId = parseApproverKey(publicKey).id;
  const proof = registrationBytes(vault.vault.hierarchy.vaultId, "cert:bob", keyId);
  const register = (given: ReturnType<typeof asserted>) =>
    vault.askAs(BOB.principal, registerApproverKey, { publicKey, rpId: "hsm.example", ...given });
  assert.equal((await refusal(register(asserted(proof, "evil.example")))).code, "PERMISSION_DENIED");
  assert.equal((await register(asserted(proof))).key?.rpId, "hsm.example");
  const id = await held(vault, deleteKey, { keyId: "k" });
  const statement = statementBytes(parseSubject(document(vault, id).subject), "approve", "");
  const approve = (given: { signature: Uint8Array; assertion?: ReturnType<typeof asserted>["assertion"] }) =>
    vault.askAs(BOB.principal, approveRequest, { approvalId: id, approverKey: keyId, ...given });
  for (const wrong of [
    { signature: signBytes("sha256", statement, pair.privateKey) },
    asserted(statement, "evil.example"),
    asserted(Buffer.from("another statement")),
    { ...asserted(statement), signature: asserted(proof).signature },
  ])
    assert.equal((await refusal(approve(wrong))).code, "PERMISSION_DENIED");
  assert.equal((await approve(asserted(statement))).status, "approved");
  const { subject, verdicts, requester } = await finished(vault, id);
  assert.equal(checkEvidence({ subject, verdicts: [...verdicts], requesterPerson: requester.person }).approved, true);
});

test("a request that waits is of bounded size", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], quorum: 1 }]);
  assert.equal((await refusal(vault.askAs(ALICE, sign, { keyId: "k", data: Buffer.alloc(1_048_577) }))).code, "REQUEST_TOO_LARGE");
  await held(vault, sign, { keyId: "k", data: Buffer.alloc(1_000_000) });
});
