/** What is held back, and what passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm, BatchRequestSchema, SignRequestSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { activateKey } from "@keystead/contract/operations/activate-key";
import { batch } from "@keystead/contract/operations/batch";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { sign } from "@keystead/contract/operations/sign";
import { updateKey } from "@keystead/contract/operations/update-key";
import { parseSubject } from "@keystead/crypto/public/approval-statement";
import { ClockedVault } from "../testing/clocked-vault.ts";
import type { Approval } from "./approval.ts";
import { ALICE, BOB, CAROL, RULE, configure, document, finished, govern, held, refusal, say, vaultWith } from "./testing/dual-control.ts";

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
