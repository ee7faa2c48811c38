/** Ways round dual control that were tried, and do not lead anywhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mayNeedApproval } from "@keystead/contract/approval-scope";
import type { ApprovalRuleConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm, Kdf, KeyMaterialFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { cancelRequest } from "@keystead/contract/operations/cancel-request";
import { createUser } from "@keystead/contract/operations/create-user";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { setPassword } from "@keystead/contract/operations/set-password";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { updateKey } from "@keystead/contract/operations/update-key";
import { approver, person } from "../testing/approvers.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import type { Approval } from "./approval.ts";

const ALICE = person("alice", ["Administrator"]);
const RULE: ApprovalRuleConfig = {
  name: "rule",
  operations: ["DeleteKey"],
  permissions: [],
  namespaces: [],
  keyTags: [],
  quorum: 1,
  roles: ["KeyAdmin"],
  expirySeconds: 3600,
  reason: "",
};

async function vaultWith(
  rules: readonly ApprovalRuleConfig[],
  ...approvers: readonly ReturnType<typeof approver>[]
): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519 });
  const approverKeys = approvers.map(({ principal, publicKey }) => ({ principal: principal.id, publicKey }));
  vault.approvalsConfig = { ...vault.approvalsConfig, rules, approverKeys };
  await vault.reopen();
  return vault;
}

const refusalOf = (asking: Promise<unknown>): Promise<HsmError> =>
  asking.then(
    () => assert.fail("not refused"),
    (error: unknown) => {
      assert.ok(error instanceof HsmError, String(error));
      return error;
    },
  );

test("a rule about making keys with a tag is not passed by making a key without it and tagging it afterwards", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["GenerateKey"], keyTags: ["production"] }]);
  const made = await refusalOf(vault.askAs(ALICE, generateKey, { algorithm: Algorithm.Ed25519, tags: ["production"] }));
  assert.equal(made.code, "APPROVAL_REQUIRED");
  await vault.askAs(ALICE, generateKey, { keyId: "plain", algorithm: Algorithm.Ed25519 });
  const tagged = await refusalOf(vault.askAs(ALICE, updateKey, { keyId: "plain", addTags: ["production"] }));
  assert.equal(tagged.code, "APPROVAL_REQUIRED");
  await vault.askAs(ALICE, updateKey, { keyId: "plain", addTags: ["other"] });
});

test("a rule about a permission holds back every request that needs it, not only operations that always do", async () => {
  const vault = await vaultWith([{ ...RULE, operations: [], permissions: ["identity:manage", "key:create"] }]);
  const codeOf = async (asking: Promise<unknown>): Promise<string> => (await refusalOf(asking)).code;
  assert.equal(await codeOf(vault.askAs(ALICE, createUser, { name: "eve", roles: ["KeyAdmin"] })), "APPROVAL_REQUIRED");
  const password = Buffer.from("a password of hers");
  assert.equal(await codeOf(vault.askAs(ALICE, setPassword, { name: "bob", password })), "APPROVAL_REQUIRED");
  const asKey = { algorithm: Algorithm.Aes256Gcm };
  assert.equal(await codeOf(vault.askAs(ALICE, deriveKey, { keyId: "k", derivation: { function: Kdf.HKDF }, asKey })), "APPROVAL_REQUIRED");
  // One's own needs nothing more.
  assert.equal(await codeOf(vault.askAs(ALICE, setPassword, { password })), "INVALID_REQUEST");
});

test("whoever asks and takes back, over and over, does not fill the vault", async () => {
  const vault = await vaultWith([RULE]);
  const count = (): number => vault.vault.documents.count("approval");
  for (let round = 0; round < 230; round += 1) {
    const { approvalId = "" } = await refusalOf(vault.askAs(ALICE, deleteKey, { keyId: "k" }));
    await vault.askAs(ALICE, cancelRequest, { approvalId });
    assert.ok(count() <= 201, String(count()));
  }
  assert.ok(count() >= 200);
});

test("nor do long requests, taken back or waiting", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["GenerateKey", "SetPolicy"] }]);
  const size = (): number => vault.vault.documents.list<Approval>("approval").reduce((total, { value }) => total + value.subject.length, 0);
  const tags = Array.from({ length: 64 }, (_, index) => `${index}`.padEnd(128, "-"));
  for (let round = 0; round < 130; round += 1) {
    const request = { keyId: `key-${round}`, algorithm: Algorithm.Ed25519, tags };
    const { approvalId = "" } = await refusalOf(vault.askAs(ALICE, generateKey, request));
    await vault.askAs(ALICE, cancelRequest, { approvalId });
    assert.ok(size() < 1_100_000, String(size()));
  }
  assert.ok(size() > 1_000_000);
  const waiting = async (round: number): Promise<string> =>
    (await refusalOf(vault.askAs(ALICE, setPolicy, { document: `${round}`.padEnd(200_000, " ") }))).code;
  for (let round = 0; round < 20; round += 1) assert.equal(await waiting(round), "APPROVAL_REQUIRED", String(round));
  assert.equal(await waiting(20), "QUOTA_EXCEEDED");
});

test("no rule holds back what is asked without a login: strangers make nobody any work", () => {
  const anonymous = OPERATIONS.filter((row) => row.anonymous === true);
  assert.ok(anonymous.length > 0);
  for (const row of anonymous) assert.equal(mayNeedApproval(row), false, row.name);
});

test("a user whose record names the person who asked does not count for that person's request", async () => {
  const second = approver({ ...person("alice", ["KeyAdmin"]), id: "user:alice", method: "local user" });
  const vault = await vaultWith([RULE], second);
  vault.approvalsConfig = { ...vault.approvalsConfig, persons: { alice: [ALICE.id] } };
  await vault.reopen();
  await vault.ask(createUser, { name: "alice", person: "alice", roles: ["KeyAdmin"], namespaces: ["*"] });
  const { approvalId = "" } = await refusalOf(vault.askAs(ALICE, deleteKey, { keyId: "k" }));
  const { subject } = vault.vault.documents.get<Approval>("approval", approvalId)?.value as Approval;
  const { code, detail } = await refusalOf(vault.askAs(second.principal, approveRequest, second.says(approvalId, subject, "approve")));
  assert.deepEqual([code, detail], ["PERMISSION_DENIED", "the requester's own word does not count"]);
});

test("a request that has to wait makes no session key: its material would be stored, and nobody's session would have the key", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["GenerateKey", "ImportKey", "DeriveKey"] }]);
  const secret = { algorithm: Algorithm.GenericSecret, keyMaterial: Buffer.alloc(32, 0x5e), format: KeyMaterialFormat.RAW };
  const asKey = { algorithm: Algorithm.Aes256Gcm, sessionKey: true };
  for (const refused of [
    vault.askAs(ALICE, generateKey, { algorithm: Algorithm.Ed25519, sessionKey: true }),
    vault.askAs(ALICE, importKey, { ...secret, sessionKey: true }),
    vault.askAs(ALICE, deriveKey, { keyId: "k", derivation: { function: Kdf.HKDF }, asKey }),
  ]) {
    const { code, detail } = await refusalOf(refused);
    assert.equal(code, "PERMISSION_DENIED");
    assert.match(detail, /makes no session key/);
  }
  assert.equal(vault.approvals.pending(), 0);
});
