import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { enumSpelling } from "@keystead/contract/enum-names";
import { Algorithm, KeyStateSchema, RevocationReason, type Key } from "@keystead/contract/generated/hsm/hsm_pb";
import { approvePurge } from "@keystead/contract/operations/approve-purge";
import { cancelDestruction } from "@keystead/contract/operations/cancel-destruction";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { revokeKey } from "@keystead/contract/operations/revoke-key";
import { updateKey } from "@keystead/contract/operations/update-key";
import { memoryFiles } from "../audit/memory-files.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { RetentionLedger, type Attestation } from "./retention-ledger.ts";

const DAY = 86_400_000;
const CLASSES: readonly (readonly [string, number])[] = [
  ["operational.default", 180 * DAY],
  ["compliance.sox", 2557 * DAY],
  ["test.ephemeral", 30 * DAY],
];

async function vaultWith(...keys: (readonly [keyId: string, ...tags: string[]])[]): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  for (const [tag, keep] of CLASSES) vault.retention.set(tag, keep);
  await vault.reopen();
  for (const [keyId, ...tags] of keys) {
    await vault.ask(generateKey, { keyId, algorithm: Algorithm.HmacSha256, tags });
    await vault.ask(revokeKey, { keyId, reason: RevocationReason.CESSATION_OF_OPERATION });
  }
  return vault;
}
const keyOf = async (vault: ClockedVault, keyId: string): Promise<Key> => (await vault.ask(getKey, { keyId })).key as Key;
const stateOf = async (vault: ClockedVault, keyId: string): Promise<string> =>
  enumSpelling(KeyStateSchema, (await keyOf(vault, keyId)).state) ?? "";

test("retention walks to its end: revoked, kept, asked for, approved, grace, destroyed, attested", async () => {
  const vault = await vaultWith(["k", "test.ephemeral", "team:qa"]);
  const revokedAt = vault.now;
  assert.equal(await vault.pass(30 * DAY - 1), 0);
  assert.equal(await vault.pass(1), 1);
  const asked = await keyOf(vault, "k");
  assert.deepEqual([asked.purgeNeedsApproval, asked.purgeReason, asked.purgeAt], [true, "retention: test.ephemeral", undefined]);
  // Nobody approves: nothing happens, for years and over a restart.
  await vault.pass(1000 * DAY);
  await vault.reopen();
  assert.equal(await vault.pass(1000 * DAY), 0);
  assert.equal(await stateOf(vault, "k"), "purge_scheduled");
  await vault.ask(approvePurge, { keyId: "k" }, ["Administrator"], "alice");
  await vault.reopen();
  assert.equal(await vault.pass(DAY - 1), 0);
  assert.equal(await vault.pass(1), 1);
  assert.equal(await stateOf(vault, "k"), "destroyed");
  assert.equal(vault.ledger.entries, 0);
  await vault.pass(1);
  assert.equal(vault.ledger.entries, 1);
  // The line is written once, also when a crash came between the destruction and it.
  await vault.reopen(false);
  await vault.pass(1);
  assert.equal(vault.ledger.entries, 1);
  const line = textOf(vault);
  const { entry } = JSON.parse(line.trim()) as { entry: Attestation };
  assert.equal(entry.key, "k");
  assert.equal(entry.reason, "retention: test.ephemeral");
  assert.equal(entry.approved_by, "ceremony:alice");
  assert.equal(entry.revoked_at, new Date(revokedAt).toISOString());
  assert.equal(entry.destroyed_at, new Date(vault.now - 2).toISOString());
});

/** The ledger as it stands in its file. */
function textOf(vault: ClockedVault): string {
  const file = vault.files.open("/data/retention-ledger", "read");
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0);
  return bytes.toString("utf8");
}

test("of several classes the longest counts; a key without a class is kept for ever; so is one that is not revoked", async () => {
  const vault = await vaultWith(["short", "test.ephemeral"], ["long", "test.ephemeral", "compliance.sox"], ["none", "team:qa"]);
  await vault.ask(generateKey, { keyId: "active", algorithm: Algorithm.HmacSha256, tags: ["test.ephemeral"] });
  await vault.pass(2557 * DAY - 1);
  assert.deepEqual(await Promise.all(["short", "long", "none", "active"].map((keyId) => stateOf(vault, keyId))), [
    "purge_scheduled",
    "revoked",
    "revoked",
    "active",
  ]);
  await vault.pass(1);
  assert.equal(await stateOf(vault, "long"), "purge_scheduled");
});

test("a destruction that was asked for is held off by a longer class and taken back", async () => {
  const vault = await vaultWith(["k", "test.ephemeral"]);
  await vault.pass(30 * DAY);
  await vault.ask(updateKey, { keyId: "k", addTags: ["compliance.sox"] });
  await vault.ask(cancelDestruction, { keyId: "k" });
  assert.equal(await vault.pass(DAY), 0);
  assert.equal(await stateOf(vault, "k"), "revoked");
});

test("an older version that was revoked by itself ends alone, by an override of its own or by what counts for its key", async () => {
  const vault = await ClockedVault.open();
  vault.retentionRules = { keep: 90 * DAY, overrides: [{ keyId: "k", version: 2, keep: 10 * DAY }] };
  await vault.reopen();
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.HmacSha256 });
  for (let version = 1; version < 4; version += 1) {
    await vault.ask(rotateKey, { keyId: "k" });
    if (version < 3) await vault.ask(revokeKey, { keyId: "k", version, reason: RevocationReason.SUPERSEDED });
  }
  const states = async (): Promise<string[]> =>
    (await keyOf(vault, "k")).versions.map(({ state }) => enumSpelling(KeyStateSchema, state) ?? "");
  assert.equal(await vault.pass(10 * DAY - 1), 0);
  assert.equal(await vault.pass(1), 1);
  assert.deepEqual(await states(), ["revoked", "purge_scheduled", "deactivated", "active"]);
  assert.equal(await vault.pass(80 * DAY), 1);
  assert.deepEqual(await states(), ["purge_scheduled", "purge_scheduled", "deactivated", "active"]);
  await vault.ask(approvePurge, { keyId: "k", version: 2 }, ["Administrator"], "alice");
  assert.equal(await vault.pass(DAY), 1);
  assert.deepEqual(await states(), ["purge_scheduled", "destroyed", "deactivated", "active"]);
  // The key itself, once it is revoked, is kept by the default; what waits already waits on.
  await vault.ask(revokeKey, { keyId: "k", reason: RevocationReason.CESSATION_OF_OPERATION });
  assert.equal(await vault.pass(90 * DAY - 1), 0);
  assert.equal(await vault.pass(1), 1);
  assert.equal(await stateOf(vault, "k"), "purge_scheduled");
});

test("a crash between a destruction and its line leaves the line to the next start", async () => {
  const vault = await vaultWith(["k", "test.ephemeral"]);
  await vault.pass(30 * DAY);
  await vault.ask(approvePurge, { keyId: "k" });
  assert.equal(await vault.pass(DAY), 1);
  assert.equal(vault.ledger.entries, 0);
  await vault.reopen(false);
  await vault.pass(0);
  assert.equal(vault.ledger.entries, 1);
});

const KEY = createSecretKey(randomBytes(32));
const attestation = (key: string): Attestation => ({
  namespace: "ns",
  key,
  reason: "r",
  approved_by: "a",
  revoked_at: "",
  destroyed_at: "2030-01-01T00:00:00.000Z",
});

test("a torn last line is cut; any other changed, missing or foreign line is found", () => {
  const path = "/d/retention-ledger";
  const files = memoryFiles();
  const ledger = new RetentionLedger(files, path, KEY);
  for (const key of ["a", "b", "c"]) ledger.append(attestation(key));
  ledger.append(attestation("b"));
  assert.equal(ledger.entries, 3);
  const file = files.open(path, "append");
  const whole = Buffer.alloc(file.size());
  file.read(whole, 0);
  const opened = (bytes: Buffer): number => {
    file.truncate(0);
    file.write(bytes, 0);
    return new RetentionLedger(files, path, KEY).entries;
  };
  assert.equal(opened(whole), 3);
  assert.equal(opened(whole.subarray(0, whole.length - 10)), 2);
  const lines = whole.toString("utf8").split("\n").slice(0, -1);
  for (const wrong of [
    [lines[1], lines[2]],
    [lines[0], lines[2]],
    [lines[0], lines[1]?.replace('"key":"b"', '"key":"x"'), lines[2]],
    [lines[0], lines[0]],
    ["{}"],
  ])
    assert.throws(() => opened(Buffer.from(`${wrong.join("\n")}\n`)), { code: "INTEGRITY_FAILURE" });
  for (let at = 0; at < (lines[0]?.length ?? 0); at += 7) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] as number) ^ 1;
    assert.throws(() => opened(flipped), { code: "INTEGRITY_FAILURE" }, `byte ${at}`);
  }
  assert.throws(() => (opened(whole), new RetentionLedger(files, path, createSecretKey(randomBytes(32)))), { code: "INTEGRITY_FAILURE" });
});
