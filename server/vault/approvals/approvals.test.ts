/** The way of a request that must wait: held, shown, agreed to or not, kept, and what it gave. */
import assert from "node:assert/strict";
import { hash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { ApprovalState } from "@keystead/contract/generated/hsm/approvals_pb";
import { Algorithm, SignRequestSchema, SignResponseSchema, ExportKeyResponseSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { cancelRequest } from "@keystead/contract/operations/cancel-request";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getApproval } from "@keystead/contract/operations/get-approval";
import { listApprovals } from "@keystead/contract/operations/list-approvals";
import { sign } from "@keystead/contract/operations/sign";
import { checkEvidence } from "@keystead/crypto/public/approval-evidence";
import { parseSubject, statementBytes, statementDigest } from "@keystead/crypto/public/approval-statement";
import { signatureMatches } from "@keystead/crypto/public/approver-key";
import type { Principal } from "../authenticate/principal.ts";
import { person } from "../testing/approvers.ts";
import { ALICE, BOB, CAROL, DAVE, RULE, document, finished, held, refusal, say, stateOf, vaultWith } from "./testing/dual-control.ts";

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

test("a message is performed as it was kept, to the byte", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], quorum: 1 }]);
  const message = create(SignRequestSchema, { keyId: "k", data: randomBytes(1000) });
  const id = await held(vault, sign, message);
  assert.deepEqual(await vault.vault.documents.material("approval", id), Buffer.from(toBinary(SignRequestSchema, message)));
  assert.equal(parseSubject(document(vault, id).subject).payload, hash("sha256", toBinary(SignRequestSchema, message), "hex"));
});

test("a request that waits is of bounded size", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["Sign"], quorum: 1 }]);
  assert.equal((await refusal(vault.askAs(ALICE, sign, { keyId: "k", data: Buffer.alloc(1_048_577) }))).code, "REQUEST_TOO_LARGE");
  await held(vault, sign, { keyId: "k", data: Buffer.alloc(1_000_000) });
});
