import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { enumSpelling } from "@keystead/contract/enum-names";
import { Algorithm, KeyStateSchema, type Key } from "@keystead/contract/generated/hsm/hsm_pb";
import { approvePurge } from "@keystead/contract/operations/approve-purge";
import { cancelDestruction } from "@keystead/contract/operations/cancel-destruction";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { purgeKey } from "@keystead/contract/operations/purge-key";
import { rollbackKey } from "@keystead/contract/operations/rollback-key";
import { suspendKey } from "@keystead/contract/operations/suspend-key";
import { updateKey } from "@keystead/contract/operations/update-key";
import { verifyMac } from "@keystead/contract/operations/verify-mac";
import { ClockedVault } from "../testing/clocked-vault.ts";

const DAY = 86_400_000;
const data = Buffer.from("x");
const algorithm = Algorithm.HmacSha256;
const keyOf = async (vault: ClockedVault): Promise<Key> => (await vault.ask(getKey, { keyId: "k" })).key as Key;
const states = async (vault: ClockedVault): Promise<string[]> =>
  (await keyOf(vault)).versions.map(({ state }) => enumSpelling(KeyStateSchema, state) ?? "");
const notices = (vault: ClockedVault): number => vault.lines.filter((line) => line.includes("a key will soon be rotated")).length;

test("the policy's defaults are 90 days, 7 days overlap, 5 versions, 7 days notice, and it stays within its bounds", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm, rotationPolicy: {} });
  const { rotationPolicy, nextRotationAt } = await keyOf(vault);
  assert.deepEqual(
    [rotationPolicy?.intervalSeconds, rotationPolicy?.overlapSeconds, rotationPolicy?.maxVersions, rotationPolicy?.noticeSeconds],
    [90 * 86_400, 7 * 86_400, 5, 7 * 86_400],
  );
  assert.equal(Number(nextRotationAt?.seconds) * 1000, vault.now + 90 * DAY);
  for (const rotationPolicy of [
    { intervalSeconds: 3599 },
    { maxVersions: 0 },
    { maxVersions: 101 },
    { intervalSeconds: 3600, overlapSeconds: 3601 },
    { intervalSeconds: 3600, noticeSeconds: 3601 },
  ])
    assert.equal(await vault.codeOf(vault.ask(updateKey, { keyId: "k", rotationPolicy })), "INVALID_REQUEST");
  await vault.ask(updateKey, { keyId: "k", removeRotationPolicy: true });
  assert.equal((await keyOf(vault)).rotationPolicy, undefined);
  assert.equal(await vault.pass(1000 * DAY), 0);
});

test("a key with a policy is noticed, rotated, and its old version revoked after the overlap, all by the ceremony's own name", async () => {
  const vault = await ClockedVault.open();
  const rotationPolicy = { revokeAfterOverlap: true };
  await vault.ask(generateKey, { keyId: "k", algorithm, rotationPolicy });
  const { mac: old } = await vault.ask(generateMac, { keyId: "k", data });
  await vault.pass(83 * DAY - 1);
  assert.equal(notices(vault), 0);
  await vault.pass(1);
  await vault.pass(DAY);
  assert.equal(notices(vault), 1);
  assert.equal(await vault.pass(6 * DAY), 1);
  assert.deepEqual(await states(vault), ["deactivated", "active"]);
  const check = (roles: string[]) => vault.ask(verifyMac, { keyId: "k", data, mac: old }, roles);
  assert.equal((await check(["KeyUser"])).valid, true);
  await vault.pass(7 * DAY - 1);
  assert.equal((await check(["KeyUser"])).valid, true);
  assert.equal(await vault.pass(1), 1);
  assert.deepEqual(await states(vault), ["revoked", "active"]);
  assert.equal((await check(["KeyUser"])).valid, false);
  assert.equal((await check(["Operator"])).valid, true);
  const done = (await vault.events()).filter(({ principal }) => principal === "ceremony:lifecycle");
  assert.deepEqual(
    done.map(({ action, moved }) => [action, moved?.from, moved?.to]),
    [
      ["RotateKey", { state: "active", version: 1 }, { state: "active", version: 2 }],
      ["RevokeKey", { state: "deactivated", version: 1 }, { state: "revoked", version: 1 }],
    ],
  );
  assert.equal(notices(vault), 1);
});

test("without the policy's word old versions are never revoked; a restart forgets no plan", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm, rotationPolicy: {} });
  await vault.reopen();
  assert.equal(await vault.pass(90 * DAY), 1);
  await vault.pass(80 * DAY);
  assert.deepEqual(await states(vault), ["deactivated", "active"]);
});

test("versions beyond the policy's number wait for approval, and are destroyed only after it and the grace period", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm, rotationPolicy: { maxVersions: 2 } });
  const { mac: old } = await vault.ask(generateMac, { keyId: "k", data });
  await vault.pass(90 * DAY);
  await vault.pass(90 * DAY);
  await vault.pass(0);
  assert.deepEqual(await states(vault), ["purge_scheduled", "deactivated", "active"]);
  const [first] = (await keyOf(vault)).versions;
  assert.deepEqual([first?.purgeNeedsApproval, first?.purgeAt], [true, undefined]);
  assert.equal(await vault.pass(80 * DAY), 0);
  assert.equal(await vault.codeOf(vault.ask(purgeKey, { keyId: "k", version: 1 })), "KEY_STATE_FORBIDS");
  // Never without a person: the material is there, and comes back when somebody says so.
  await vault.ask(cancelDestruction, { keyId: "k", version: 1 });
  assert.equal((await vault.ask(verifyMac, { keyId: "k", data, mac: old })).version, 1);
  await vault.pass(0);
  assert.equal((await states(vault))[0], "purge_scheduled");
  assert.equal(await vault.codeOf(vault.ask(approvePurge, { keyId: "k", version: 1 }, ["KeyAdmin"])), "PERMISSION_DENIED");
  await vault.ask(approvePurge, { keyId: "k", version: 1 });
  assert.equal(await vault.codeOf(vault.ask(approvePurge, { keyId: "k", version: 1 })), "KEY_STATE_FORBIDS");
  assert.equal(await vault.pass(DAY - 1), 0);
  assert.equal(await vault.pass(1), 1);
  assert.equal((await states(vault))[0], "destroyed");
  assert.equal(await vault.store.get({ namespace: "default", kind: "version", id: "k", version: 1 }), undefined);
});

test("a key that is suspended or ends before is not rotated; a version whose material is current again is not revoked", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm, rotationPolicy: { revokeAfterOverlap: true } });
  await vault.ask(suspendKey, { keyId: "k" });
  assert.equal(await vault.pass(100 * DAY), 0);
  const other = await ClockedVault.open();
  const attributes = { endDate: timestampFromMs(other.now + 90 * DAY) };
  await other.ask(generateKey, { keyId: "k", algorithm, rotationPolicy: {}, attributes });
  await other.pass(100 * DAY);
  assert.deepEqual(await states(other), ["deactivated"]);
  assert.equal(notices(other), 0);
  const third = await ClockedVault.open();
  await third.ask(generateKey, { keyId: "k", algorithm, rotationPolicy: { revokeAfterOverlap: true } });
  await third.pass(90 * DAY);
  await third.ask(rollbackKey, { keyId: "k", version: 1 });
  await third.pass(7 * DAY);
  assert.deepEqual(await states(third), ["deactivated", "revoked", "active"]);
});
