import assert from "node:assert/strict";
import { test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { cancelNamespaceDeletion } from "@keystead/contract/operations/cancel-namespace-deletion";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deleteNamespace } from "@keystead/contract/operations/delete-namespace";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { getNamespace } from "@keystead/contract/operations/get-namespace";
import { listBudgets } from "@keystead/contract/operations/list-budgets";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { listNamespaces } from "@keystead/contract/operations/list-namespaces";
import { purgeNamespace } from "@keystead/contract/operations/purge-namespace";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setBudget } from "@keystead/contract/operations/set-budget";
import { suspendNamespace } from "@keystead/contract/operations/suspend-namespace";
import { namespaceGate } from "../limits/namespace-gate.ts";
import { RateLimits, UNLIMITED } from "../limits/rate-limits.ts";
import { recordDigest, recordName } from "../objects/record.ts";
import { NOTHING_GONE, withGone, type Shredding } from "../objects/shredding.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { verifyEverything } from "./verify-everything.ts";
import { attestedEnds, endsInLog, shreddingProblems, type LoggedEnd } from "./verify-shredding.ts";

/** The ledger's file. */
function ledgerText({ files }: ClockedVault): string {
  const file = files.open("/data/retention-ledger", "read");
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0);
  file.close();
  return bytes.toString("utf8");
}

const DAY = 86_400_000;
const NS = { namespace: "team" };

async function vaultWithTeam(keys = 3): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  vault.gates.push(namespaceGate(() => vault.vault.objects, new RateLimits(UNLIMITED)));
  await vault.ask(createNamespace, NS);
  for (let key = 0; key < keys; key += 1) await vault.ask(generateKey, { ...NS, keyId: `k${key}`, algorithm: Algorithm.Aes256Gcm });
  await vault.ask(generateKey, { keyId: "other", algorithm: Algorithm.Aes256Gcm });
  return vault;
}

/** Every record of the store, by namespace. */
async function stored(vault: ClockedVault, namespace: string): Promise<{ name: string; bytes: Buffer }[]> {
  const found = [];
  for await (const { key, bytes } of vault.store.all()) if (key.namespace === namespace) found.push({ name: recordName(key), bytes });
  return found;
}

const problems = async (vault: ClockedVault): Promise<readonly string[]> =>
  (
    await verifyEverything({
      files: vault.files,
      auditPath: "/audit",
      store: vault.store,
      auditMacKey: vault.vault.hierarchy.auditMacKey,
      recordMacKeys: () => [vault.vault.hierarchy.recordMacKey],
      upTo: vault.vault.log.sequence,
      anchors: vault.vault.log.anchors(),
      pause: () => Promise.resolve(),
    })
  ).problems;

/** What the log itself says was destroyed with a namespace: computed from nothing but its events. */
async function recomputed(vault: ClockedVault, namespace: string) {
  const last = new Map<string, string>();
  let gone = NOTHING_GONE;
  for (const { action, records = [] } of await vault.events())
    for (const { name, digest } of records) {
      if (!name.startsWith(`${namespace}/`)) continue;
      if (digest === "" && action === "PurgeNamespace") gone = withGone(gone, name, last.get(name) ?? "");
      if (digest === "") last.delete(name);
      else last.set(name, digest);
    }
  return { gone, survivors: [...last.keys()] };
}

test("a deleted namespace is used by nobody, is destroyed when it is due, and nothing of it is left in the store", async () => {
  const vault = await vaultWithTeam();
  await vault.ask(rotateKey, { ...NS, keyId: "k0" });
  const { ciphertext } = await vault.askFrom({}, encrypt, { ...NS, keyId: "k1", plaintext: Buffer.from("secret") });
  await vault.ask(setBudget, { ...NS, keyId: "k1", perDay: 5 });
  const { namespace } = await vault.askFrom({ id: "token:alice" }, deleteNamespace, { ...NS, reason: "contract ended" });
  assert.deepEqual(
    [namespace?.state, namespace?.deletionBy, namespace?.deletionReason, namespace?.keys],
    ["deletion_scheduled", "token:alice", "contract ended", 3],
  );
  assert.equal(Number(namespace?.deletionAt?.seconds) * 1000, vault.now + 30 * DAY);
  assert.equal(await vault.codeOf(vault.askFrom({}, decrypt, { ...NS, keyId: "k1", ciphertext })), "KEY_STATE_FORBIDS");
  await vault.pass(30 * DAY - 1);
  assert.equal((await stored(vault, "team")).length, 8, "three keys, four versions, and the namespace");
  assert.equal(await vault.codeOf(vault.ask(purgeNamespace, NS)), "KEY_STATE_FORBIDS");
  await vault.pass(1);
  assert.deepEqual(await stored(vault, "team"), []);
  assert.deepEqual(
    (await vault.ask(listNamespaces, {})).namespaces.map(({ namespace: name }) => name),
    ["default"],
  );
  for (const asking of [
    vault.ask(getKey, { ...NS, keyId: "k1" }),
    vault.ask(getNamespace, NS),
    vault.ask(listKeys, NS),
    vault.ask(listBudgets, NS),
    vault.ask(decrypt, { ...NS, keyId: "k1", ciphertext }),
  ])
    assert.equal(await vault.codeOf(asking), "OBJECT_NOT_FOUND");
  assert.deepEqual(vault.budgets.list("team"), []);
  assert.deepEqual(await problems(vault), []);
  await vault.reopen(false);
  assert.deepEqual(await problems(vault), []);
  await vault.ask(getKey, { keyId: "other" });
});

test("the ledger attests the end, and what it says can be computed again from the log", async () => {
  const vault = await vaultWithTeam();
  await vault.askFrom({ id: "token:alice" }, deleteNamespace, { ...NS, delaySeconds: 3600, reason: "over" });
  const before = new Map((await stored(vault, "team")).map(({ name, bytes }) => [name, recordDigest(bytes)]));
  await vault.pass(3_600_000);
  const [shredding] = vault.vault.documents.list<Shredding>("shredding");
  const { gone, survivors } = await recomputed(vault, "team");
  assert.deepEqual(survivors, []);
  const { keys, records, digest } = shredding?.value as Shredding;
  assert.deepEqual({ keys, records, digest }, gone);
  assert.deepEqual([keys, records], [3, before.size]);
  const ends = endsInLog(vault.files, "/audit", "team");
  const attested = attestedEnds(ledgerText(vault), "team");
  assert.deepEqual(shreddingProblems(ends, attested), []);
  assert.deepEqual([ends.length, ends[0]?.keys, attested[0]?.approved_by], [1, 3, "token:alice"]);
  const [end] = ends as [LoggedEnd];
  for (const wrong of [
    shreddingProblems([], attested),
    shreddingProblems(ends, []),
    shreddingProblems([{ ...end, digest: "0".repeat(64) }], attested),
    shreddingProblems([{ ...end, survivors: ["team/key/k1/0"] }], attested),
    shreddingProblems([{ ...end, keys: 2 }], attested),
  ])
    assert.notDeepEqual(wrong, []);
  assert.throws(() => attestedEnds(ledgerText(vault).replace('"previous":"0', '"previous":"1'), "team"), TypeError);
  assert.ok(vault.ledger.has({ namespace: "team", key: "", destroyed_at: new Date(vault.now).toISOString() }));
  assert.equal(vault.ledger.entries, 1);
  await vault.pass(1000);
  await vault.reopen();
  await vault.pass(1000);
  assert.equal(vault.ledger.entries, 1, "attested once, after a start too");
});

test("another order, another record or another digest is another statement", () => {
  const one = withGone(withGone(NOTHING_GONE, "n/key/a/0", "d1"), "n/version/a/1", "d2");
  assert.deepEqual([one.keys, one.records], [1, 2]);
  for (const [first, second] of [
    [
      ["n/version/a/1", "d2"],
      ["n/key/a/0", "d1"],
    ],
    [
      ["n/key/a/0", "d1"],
      ["n/version/a/2", "d2"],
    ],
    [
      ["n/key/a/0", "d1"],
      ["n/version/a/1", "d3"],
    ],
  ] as const)
    assert.notEqual(withGone(withGone(NOTHING_GONE, first[0], first[1]), second[0], second[1]).digest, one.digest);
});

test("a deletion can be taken back until it begins; a suspension from before stays", async () => {
  const vault = await vaultWithTeam();
  assert.equal(await vault.codeOf(vault.askFrom({}, cancelNamespaceDeletion, NS)), "KEY_STATE_FORBIDS");
  await vault.askFrom({}, suspendNamespace, NS);
  await vault.askFrom({}, deleteNamespace, NS);
  assert.equal(await vault.codeOf(vault.askFrom({}, deleteNamespace, NS)), "KEY_STATE_FORBIDS");
  const { namespace } = await vault.askFrom({}, cancelNamespaceDeletion, NS);
  assert.equal(namespace?.state, "suspended");
  await vault.pass(40 * DAY);
  assert.equal((await stored(vault, "team")).length, 7);
});

test("less than the configured delay is refused", async () => {
  const vault = await vaultWithTeam();
  assert.equal(await vault.codeOf(vault.askFrom({}, deleteNamespace, { ...NS, delaySeconds: 3599 })), "INVALID_REQUEST");
  assert.equal(await vault.codeOf(vault.askFrom({ roles: ["NamespaceAdmin"] }, deleteNamespace, NS)), "PERMISSION_DENIED");
});

test("a crash in the middle is gone on with, and the statement covers all of it", async () => {
  const vault = await vaultWithTeam(450);
  await vault.ask(deleteNamespace, { ...NS, delaySeconds: 3600 });
  vault.now += 3_600_000;
  const first = await vault.ask(purgeNamespace, NS);
  assert.deepEqual([first.complete, first.keys], [false, 200]);
  assert.equal(await vault.codeOf(vault.askFrom({}, cancelNamespaceDeletion, NS)), "KEY_STATE_FORBIDS");
  assert.equal(await vault.codeOf(vault.ask(generateKey, { ...NS, algorithm: Algorithm.Aes256Gcm })), "KEY_STATE_FORBIDS");
  await vault.reopen(false);
  assert.equal(await vault.codeOf(vault.askFrom({}, cancelNamespaceDeletion, NS)), "KEY_STATE_FORBIDS");
  await vault.pass(0);
  assert.deepEqual(await stored(vault, "team"), []);
  const [shredding] = vault.vault.documents.list<Shredding>("shredding");
  const { gone, survivors } = await recomputed(vault, "team");
  assert.deepEqual([shredding?.value.keys, shredding?.value.digest, survivors], [450, gone.digest, []]);
  assert.deepEqual(await problems(vault), []);
});

test("keys that are being made while a namespace ends are destroyed with it, or not made", async () => {
  const vault = await vaultWithTeam(5);
  await vault.ask(deleteNamespace, { ...NS, delaySeconds: 3600 });
  vault.now += 3_600_000;
  const made = Array.from({ length: 20 }, (_, key) =>
    vault.codeOf(vault.ask(generateKey, { ...NS, keyId: `late${key}`, algorithm: Algorithm.Ed25519 })),
  );
  const ended = vault.pass(0);
  for (const code of await Promise.all(made)) assert.ok(["OK", "KEY_STATE_FORBIDS", "OBJECT_NOT_FOUND"].includes(code), code);
  await ended;
  await vault.pass(0);
  assert.deepEqual(await stored(vault, "team"), []);
  assert.deepEqual((await recomputed(vault, "team")).survivors, []);
  assert.deepEqual(await problems(vault), []);
});

test("a namespace of the same name is another one: other keys, other ends, nothing remembered", async () => {
  const vault = await vaultWithTeam();
  const { ciphertext } = await vault.ask(encrypt, { ...NS, keyId: "k0", plaintext: Buffer.from("x") });
  assert.equal((await vault.ask(listKeys, NS)).keys.length, 3);
  await vault.ask(deleteNamespace, { ...NS, delaySeconds: 3600 });
  await vault.pass(3_600_000);
  await vault.ask(createNamespace, NS);
  assert.equal((await vault.ask(listKeys, NS)).keys.length, 0);
  await vault.ask(generateKey, { ...NS, keyId: "k0", algorithm: Algorithm.Aes256Gcm });
  assert.equal(await vault.codeOf(vault.ask(decrypt, { ...NS, keyId: "k0", ciphertext })), "DECRYPTION_FAILED");
  await vault.ask(deleteNamespace, { ...NS, delaySeconds: 3600 });
  await vault.pass(3_600_000);
  assert.equal(vault.ledger.entries, 2);
  assert.deepEqual(await problems(vault), []);
});
