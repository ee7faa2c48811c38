import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { enumSpelling } from "@keystead/contract/enum-names";
import { Algorithm, KeyState, KeyStateSchema, RevocationReason } from "@keystead/contract/generated/hsm/hsm_pb";
import { activateKey } from "@keystead/contract/operations/activate-key";
import { cancelDestruction } from "@keystead/contract/operations/cancel-destruction";
import { destroyKey } from "@keystead/contract/operations/destroy-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { batch } from "@keystead/contract/operations/batch";
import { revokeKey } from "@keystead/contract/operations/revoke-key";
import { rollbackKey } from "@keystead/contract/operations/rollback-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { verifyMac } from "@keystead/contract/operations/verify-mac";
import { ClockedVault } from "../testing/clocked-vault.ts";

const DAY = 86_400_000;
const data = Buffer.from("x");
const mac = (vault: ClockedVault, keyId: string) => vault.ask(generateMac, { keyId, data });
const stateText = (number: number): string => (enumSpelling(KeyStateSchema, number) ?? "").toUpperCase();
const stateOf = async (vault: ClockedVault, keyId: string): Promise<string> =>
  stateText((await vault.ask(getKey, { keyId })).key?.state ?? 0);
const algorithm = Algorithm.HmacSha256;

test("a key is active from its start date and makes nothing new from its end date, and the log says who did it", async () => {
  const vault = await ClockedVault.open();
  const { now } = vault;
  const attributes = { startDate: timestampFromMs(now + DAY), endDate: timestampFromMs(now + 3 * DAY) };
  await vault.ask(generateKey, { keyId: "k", algorithm, attributes });
  assert.equal(await stateOf(vault, "k"), "PRE_ACTIVATION");
  assert.equal(await vault.pass(DAY - 1), 0);
  assert.equal(await vault.codeOf(mac(vault, "k")), "KEY_STATE_FORBIDS");
  assert.equal(await vault.pass(1), 1);
  const { mac: made } = await mac(vault, "k");
  assert.equal(await vault.pass(DAY), 0);
  // The date counts before the duty has come by, also for what is shown.
  vault.now = now + 3 * DAY;
  assert.equal(await vault.codeOf(mac(vault, "k")), "KEY_STATE_FORBIDS");
  assert.equal(await stateOf(vault, "k"), "DEACTIVATED");
  assert.equal(await vault.pass(0), 1);
  assert.equal(await vault.pass(1000 * DAY), 0);
  assert.equal((await vault.ask(verifyMac, { keyId: "k", data, mac: made })).valid, true);
  const moves = (await vault.events()).filter(({ principal }) => principal === "ceremony:lifecycle");
  assert.deepEqual(
    moves.map(({ action, outcome, key, moved }) => [action, outcome, key, moved?.from.state, moved?.to.state]),
    [
      ["ActivateKey", "OK", "k", "pre_activation", "active"],
      ["DeactivateKey", "OK", "k", "active", "deactivated"],
    ],
  );
  // The dates are when it was due, not when the duty came.
  const { key } = await vault.ask(getKey, { keyId: "k" });
  assert.deepEqual(
    [key?.attributes?.startDate, key?.attributes?.endDate],
    [attributes.startDate, attributes.endDate].map((at) => ({ ...at, $typeName: "google.protobuf.Timestamp" })),
  );
});

test("what was scheduled is destroyed when it is due, after a restart too, and not a millisecond before", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm });
  await vault.ask(generateKey, { keyId: "saved", algorithm });
  await vault.ask(destroyKey, { keyId: "k" });
  await vault.ask(destroyKey, { keyId: "saved", delaySeconds: 86_400 });
  assert.equal(await vault.codeOf(mac(vault, "k")), "KEY_STATE_FORBIDS");
  await vault.ask(cancelDestruction, { keyId: "saved" });
  assert.equal(await vault.codeOf(mac(vault, "saved")), "OK");
  await vault.reopen();
  assert.equal(await vault.pass(7 * DAY - 1), 0);
  assert.equal(await stateOf(vault, "k"), "PURGE_SCHEDULED");
  assert.ok((await vault.store.get({ namespace: "default", kind: "version", id: "k", version: 1 })) !== undefined);
  assert.equal(await vault.pass(1), 1);
  assert.equal(await stateOf(vault, "k"), "DESTROYED");
  assert.equal(await vault.store.get({ namespace: "default", kind: "version", id: "k", version: 1 }), undefined);
  assert.equal(await vault.codeOf(mac(vault, "saved")), "OK");
  assert.equal(await vault.pass(1000 * DAY), 0);
});

test("an older version is destroyed by itself, and the rest of the key goes on", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm });
  const { mac: old } = await mac(vault, "k");
  await vault.ask(rotateKey, { keyId: "k" });
  await vault.ask(destroyKey, { keyId: "k", version: 1, delaySeconds: 60 });
  assert.equal(await vault.codeOf(vault.ask(verifyMac, { keyId: "k", data, mac: old, version: 1 })), "KEY_STATE_FORBIDS");
  assert.equal((await vault.ask(verifyMac, { keyId: "k", data, mac: old })).valid, false);
  assert.equal(await vault.pass(60_000), 1);
  const { key } = await vault.ask(getKey, { keyId: "k" });
  assert.deepEqual(
    key?.versions.map(({ state }) => stateText(state)),
    ["DESTROYED", "ACTIVE"],
  );
  assert.equal(await vault.codeOf(mac(vault, "k")), "OK");
});

test("a step that is refused stays undone, is said, and stands in nobody's way", async () => {
  const vault = await ClockedVault.open();
  for (const keyId of ["a", "b"]) {
    await vault.ask(generateKey, { keyId, algorithm });
    await vault.ask(destroyKey, { keyId, delaySeconds: 1 });
  }
  const { due } = vault.vault.objects;
  vault.vault.objects.due = async () => {
    const steps = await due.call(vault.vault.objects);
    await vault.ask(cancelDestruction, { keyId: "a" });
    return steps;
  };
  assert.equal(await vault.pass(1000), 1);
  assert.equal(await stateOf(vault, "a"), "ACTIVE");
  assert.equal(await stateOf(vault, "b"), "DESTROYED");
  assert.equal(
    vault.lines.filter((line) => line.includes("a due step of a key's life was refused") && line.includes("KEY_STATE_FORBIDS")).length,
    1,
  );
});

test("a version past its expiry makes nothing new and still verifies; a rotation begins anew", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm });
  const expiresAt = timestampFromMs(vault.now + DAY);
  await vault.ask(rotateKey, { keyId: "k", expiresAt, reason: "yearly", complianceRequirement: "PCI DSS 3.7.4" });
  const { mac: made } = await mac(vault, "k");
  await vault.pass(DAY);
  assert.equal(await vault.codeOf(mac(vault, "k")), "KEY_STATE_FORBIDS");
  assert.equal((await vault.ask(verifyMac, { keyId: "k", data, mac: made })).valid, true);
  const { key } = await vault.ask(getKey, { keyId: "k" });
  const [, second] = key?.versions ?? [];
  assert.deepEqual(
    [second?.rotationReason, second?.complianceRequirement, second?.state],
    ["yearly", "PCI DSS 3.7.4", KeyState.DEACTIVATED],
  );
  await vault.ask(rotateKey, { keyId: "k" });
  assert.equal(await vault.codeOf(mac(vault, "k")), "OK");
  assert.equal(await vault.codeOf(vault.ask(rotateKey, { keyId: "k", expiresAt })), "INVALID_REQUEST");
});

test("what was revoked opens only with key:use_revoked, and then every event of it says so", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm });
  const { mac: made } = await mac(vault, "k");
  await vault.ask(revokeKey, { keyId: "k", reason: RevocationReason.KEY_COMPROMISE, comment: "laptop stolen" });
  const check = (roles: string[], name: string) => vault.ask(verifyMac, { keyId: "k", data, mac: made }, roles, name);
  assert.equal(await vault.codeOf(check(["KeyUser"], "user")), "KEY_STATE_FORBIDS");
  assert.equal((await check(["Operator"], "operator")).valid, true);
  assert.equal(await vault.codeOf(vault.ask(generateMac, { keyId: "k", data }, ["Operator"])), "KEY_STATE_FORBIDS");
  assert.deepEqual(
    (await vault.events("VerifyMac")).map(({ request, outcome, state }) => [request, outcome, state]),
    [
      ["user", "KEY_STATE_FORBIDS", undefined],
      ["operator", "OK", "compromised"],
    ],
  );
  const { key } = await vault.ask(getKey, { keyId: "k" });
  assert.equal(key?.revocation?.comment, "laptop stolen");
  assert.equal(key?.revocation?.reason, RevocationReason.KEY_COMPROMISE);
  await vault.ask(generateKey, { keyId: "s", algorithm: Algorithm.Ed25519 });
  await vault.ask(revokeKey, { keyId: "s", reason: RevocationReason.SUPERSEDED });
  const verify = { keyId: "s", data, signature: Buffer.alloc(64) };
  const { results } = await vault.ask(batch, { items: [{ operation: { case: "verify", value: verify } }] });
  assert.equal(results[0]?.result.case, "verify");
  assert.equal((await vault.events("Batch"))[0]?.items?.[0]?.state, "revoked");
});

test("a search over all versions passes over revoked ones for who may not use them", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm });
  const { mac: made } = await mac(vault, "k");
  await vault.ask(rotateKey, { keyId: "k" });
  await vault.ask(revokeKey, { keyId: "k", version: 1 });
  assert.equal((await vault.ask(verifyMac, { keyId: "k", data, mac: made }, ["KeyUser"])).valid, false);
  assert.deepEqual((await vault.ask(verifyMac, { keyId: "k", data, mac: made }, ["Operator"])).version, 1);
  const [user, operator] = await vault.events("VerifyMac");
  assert.deepEqual([user?.state, operator?.state], [undefined, "revoked"]);
});

test("a rollback is a new version with the old material, and its event has both numbers", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm });
  const { mac: first } = await mac(vault, "k");
  await vault.ask(rotateKey, { keyId: "k" });
  const { newKeyId, key } = await vault.ask(rollbackKey, { keyId: "k", version: 1, reason: "devices" });
  assert.equal(newKeyId, "k@v3");
  assert.deepEqual([key?.version, key?.versions[2]?.promotedFrom, key?.versions[2]?.rotationReason], [3, 1, "devices"]);
  const again = await mac(vault, "k");
  assert.deepEqual([again.version, Buffer.from(again.mac)], [3, Buffer.from(first)]);
  const [event] = await vault.events("RollbackKey");
  assert.deepEqual(event?.moved, { from: { state: "active", version: 2 }, to: { state: "active", version: 3 } });
  assert.equal(event?.version, 3);
});

test("times beyond the calendar, dates behind and attributes nobody may write are refused", async () => {
  const vault = await ClockedVault.open();
  for (const attributes of [
    { endDate: { seconds: 99_999_999_999_999n, nanos: 0 } },
    { startDate: { seconds: -1n, nanos: 0 } },
    { endDate: timestampFromMs(vault.now) },
    { neverExtractable: true },
  ])
    assert.equal(await vault.codeOf(vault.ask(generateKey, { algorithm, attributes })), "INVALID_REQUEST");
  await vault.ask(generateKey, { keyId: "k", algorithm, state: KeyState.PRE_ACTIVATION });
  assert.equal(await vault.codeOf(vault.ask(setAttributes, { keyId: "k", attributes: { local: false } })), "INVALID_REQUEST");
  await vault.ask(setAttributes, { keyId: "k", attributes: { startDate: timestampFromMs(vault.now + DAY) } });
  await vault.ask(activateKey, { keyId: "k" });
  assert.equal(await vault.codeOf(mac(vault, "k")), "OK");
  for (const state of [KeyState.REVOKED, KeyState.DESTROYED])
    assert.equal(await vault.codeOf(vault.ask(generateKey, { algorithm, state })), "INVALID_REQUEST");
});
