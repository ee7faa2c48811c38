import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm, type BatchItemSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deleteBudget } from "@keystead/contract/operations/delete-budget";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { listBudgets } from "@keystead/contract/operations/list-budgets";
import { setBudget } from "@keystead/contract/operations/set-budget";
import { sign } from "@keystead/contract/operations/sign";
import { verify } from "@keystead/contract/operations/verify";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";

const SIGN = { keyId: "k", data: Buffer.from("x") };
const SOMEBODY: Caller = { roles: ["Operator"], namespaces: ["default"], id: "token:a" };

async function vaultWithKey(): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519 });
  return vault;
}

test("a key's budget counts every use of it, by whom and how ever, and nothing else", async () => {
  const vault = await vaultWithKey();
  const { budget } = await vault.askFrom({}, setBudget, { keyId: "k", perDay: 5 });
  assert.deepEqual(
    [budget?.namespace, budget?.keyId, budget?.principal, budget?.perDay, budget?.setBy],
    ["default", "k", "", 5, "token:somebody"],
  );
  const { signature } = await vault.askFrom(SOMEBODY, sign, SIGN);
  await vault.askFrom({ ...SOMEBODY, id: "token:b" }, verify, { ...SIGN, signature });
  await vault.askFrom(SOMEBODY, getPublicKey, { keyId: "k" });
  // What is refused for another reason was tried all the same.
  assert.equal(await vault.codeOf(vault.askFrom(SOMEBODY, encrypt, { keyId: "k", plaintext: Buffer.from("x") })), "KEY_USAGE_FORBIDS");
  assert.equal(await vault.codeOf(vault.askFrom({ roles: ["Auditor"] }, sign, SIGN)), "PERMISSION_DENIED");
  const item: MessageInitShape<typeof BatchItemSchema> = { operation: { case: "sign", value: SIGN } };
  const { results } = await vault.askFrom(SOMEBODY, batch, { items: [item, item, item] });
  assert.deepEqual(
    results.map(({ result }) => (result.case === "error" ? result.value.code : result.case)),
    ["sign", "sign", "QUOTA_EXCEEDED"],
  );
  const refused = await vault.askFrom(SOMEBODY, sign, SIGN).catch((error: unknown) => error);
  assert.deepEqual(
    [(refused as { code: string }).code, (refused as { retryAfterSeconds: number }).retryAfterSeconds],
    ["QUOTA_EXCEEDED", 86_400],
  );
  await vault.ask(sign, SIGN);
  const { budgets } = await vault.askFrom({}, listBudgets, {});
  assert.deepEqual(
    budgets.map(({ usedToday }) => usedToday),
    [5],
  );
  vault.now += 86_400_000;
  await vault.askFrom(SOMEBODY, sign, SIGN);
});

test("a principal's budget holds over all keys of the namespace, and leaves others alone", async () => {
  const vault = await vaultWithKey();
  await vault.ask(generateKey, { keyId: "k2", algorithm: Algorithm.Ed25519 });
  await vault.askFrom({}, setBudget, { principal: "token:a", perMinute: 2 });
  await vault.askFrom(SOMEBODY, sign, SIGN);
  await vault.askFrom(SOMEBODY, sign, { ...SIGN, keyId: "k2" });
  assert.equal(await vault.codeOf(vault.askFrom(SOMEBODY, sign, SIGN)), "QUOTA_EXCEEDED");
  await vault.askFrom({ ...SOMEBODY, id: "token:b" }, sign, SIGN);
  const refusal = (await vault.events("Sign")).find(({ outcome }) => outcome !== "OK");
  assert.deepEqual([refusal?.decision, refusal?.outcome, refusal?.principal, refusal?.key], ["refuse", "QUOTA_EXCEEDED", "token:a", "k"]);
});

test("budgets outlive a crash with what was used of them, and a deleted one is gone", async () => {
  const vault = await vaultWithKey();
  await vault.askFrom({}, setBudget, { keyId: "k", perDay: 3 });
  for (let times = 0; times < 2; times += 1) await vault.askFrom(SOMEBODY, sign, SIGN);
  await vault.reopen(false);
  await vault.askFrom(SOMEBODY, sign, SIGN);
  assert.equal(await vault.codeOf(vault.askFrom(SOMEBODY, sign, SIGN)), "QUOTA_EXCEEDED");
  const { budgets } = await vault.askFrom({}, listBudgets, {});
  await vault.askFrom({}, deleteBudget, { budgetId: budgets[0]?.budgetId ?? "" });
  await vault.askFrom(SOMEBODY, sign, SIGN);
  assert.deepEqual((await vault.askFrom({}, listBudgets, {})).budgets, []);
});

test("a budget of nothing, of a key that is not, or in another's namespace is refused", async () => {
  const vault = await vaultWithKey();
  await vault.ask(createNamespace, { namespace: "other" });
  assert.equal(await vault.codeOf(vault.askFrom({}, setBudget, { keyId: "k" })), "INVALID_REQUEST");
  assert.equal(await vault.codeOf(vault.askFrom({}, setBudget, { keyId: "absent", perDay: 1 })), "OBJECT_NOT_FOUND");
  assert.equal(await vault.codeOf(vault.askFrom({}, setBudget, { namespace: "absent", perDay: 1 })), "OBJECT_NOT_FOUND");
  const admin: Caller = { roles: ["NamespaceAdmin"], namespaces: ["other"] };
  const { budget } = await vault.askFrom({}, setBudget, { keyId: "k", perDay: 1 });
  for (const namespace of ["default", "absent"]) {
    assert.equal(await vault.codeOf(vault.askFrom(admin, setBudget, { namespace, perDay: 1 })), "PERMISSION_DENIED");
    assert.equal(await vault.codeOf(vault.askFrom(admin, listBudgets, { namespace })), "PERMISSION_DENIED");
  }
  // One answer for another namespace's budget and for none at all.
  const answers = await Promise.all(
    [budget?.budgetId ?? "", "budget-00000000000000000000000000000000"].map((budgetId) =>
      vault
        .askFrom(admin, deleteBudget, { budgetId })
        .catch((error: { code: string; detail: string }) => [error.code, error.detail.replace(budgetId, "ID")]),
    ),
  );
  assert.deepEqual(answers[0], answers[1]);
  assert.deepEqual((await vault.askFrom(admin, listBudgets, {})).budgets, []);
});
