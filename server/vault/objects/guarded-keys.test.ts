/**
 * The attributes that guard keys (CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED, CKA_DESTROYABLE, CKA_ALWAYS_AUTHENTICATE), against a
 * whole vault: who may say them, and what they stop.
 *
 * @see PKCS#11 3.2 §4.4, §4.8 to §4.11
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm, ExportPolicy, KeyMaterialFormat, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { batch } from "@keystead/contract/operations/batch";
import { deactivateKey } from "@keystead/contract/operations/deactivate-key";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { destroyKey } from "@keystead/contract/operations/destroy-key";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { exportKey } from "@keystead/contract/operations/export-key";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { purgeKey } from "@keystead/contract/operations/purge-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { sign } from "@keystead/contract/operations/sign";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { updateKey } from "@keystead/contract/operations/update-key";
import { verify } from "@keystead/contract/operations/verify";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { ceremonyPrincipal } from "../authenticate/authenticate.ts";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";

const OFFICER: Caller = { id: "user:officer", roles: ["Administrator"] };
/** Everything that an ordinary user of keys has, and more; but not key:trust. */
const USER: Caller = { id: "user:user", roles: ["Operator", "KeyAdmin", "Service"] };
/** The session of somebody who has just proven once more who they are. */
const ONCE = { id: "s", ended: () => false, current: () => true, once: () => true };
const DATA = Buffer.from("data");
const DAY_MS = 86_400_000;

let vault: ClockedVault;
before(async () => {
  vault = await ClockedVault.open();
});
after(() => vault.vault.log.close());

const ask = <I extends DescMessage, O extends DescMessage>(operation: Operation<I, O>, request: MessageInitShape<I>, who = USER) =>
  vault.askFrom(who, operation, request);
const code = (asking: Promise<unknown>): Promise<string> => vault.codeOf(asking);
const wrapping = async (who: Caller, request: object = {}): Promise<string> =>
  (await ask(generateKey, { algorithm: Algorithm.Aes256Kw, ...request }, who)).keyId;
const target = async (attributes: object = {}): Promise<string> =>
  (await ask(generateKey, { algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.WRAPPED, attributes })).keyId;

test("a key is called trusted, when it is made and afterwards, by key:trust alone, and so is that taken back", async () => {
  assert.equal(await code(wrapping(USER, { attributes: { trusted: true } })), "PERMISSION_DENIED");
  const imported = { algorithm: Algorithm.Aes256Kw, keyMaterial: Buffer.alloc(32, 1), format: KeyMaterialFormat.RAW };
  assert.equal(await code(ask(importKey, { ...imported, attributes: { trusted: true } })), "PERMISSION_DENIED");
  // Saying what every key is anyway needs nothing.
  const keyId = await wrapping(USER, { attributes: { trusted: false } });
  assert.equal(await code(ask(setAttributes, { keyId, attributes: { trusted: true } })), "PERMISSION_DENIED");
  await ask(setAttributes, { keyId, attributes: { trusted: true } }, OFFICER);
  assert.equal(await code(ask(setAttributes, { keyId, attributes: { trusted: false } })), "PERMISSION_DENIED");
  assert.equal((await ask(getKey, { keyId })).key?.attributes?.trusted, true);
  const event = (await vault.events("SetAttributes")).find(({ outcome }) => outcome === "OK");
  assert.deepEqual(event?.demands, ["key:trust"]);
  await ask(setAttributes, { keyId, attributes: { trusted: false } }, OFFICER);
  assert.equal((await ask(getKey, { keyId })).key?.attributes?.trusted, false);
});

test("what could be had otherwise is nobody's to trust: neither a key that may leave nor one that does not wrap", async () => {
  for (const exportable of [ExportPolicy.WRAPPED, ExportPolicy.PLAIN])
    assert.equal(await code(wrapping(OFFICER, { exportable, attributes: { trusted: true } })), "INVALID_REQUEST");
  const signing = { algorithm: Algorithm.EcdsaP256, attributes: { trusted: true } };
  assert.equal(await code(ask(generateKey, signing, OFFICER)), "INVALID_REQUEST");
  assert.equal(await code(ask(generateKey, { ...signing, sessionKey: true }, OFFICER)), "INVALID_REQUEST");
});

test("a key that asks for trusted keys leaves under one, and in no other way", async () => {
  const keyId = await target({ wrapWithTrusted: true });
  const plain = { algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.PLAIN, attributes: { wrapWithTrusted: true } };
  const { keyId: plainId } = await ask(generateKey, plain);
  const { keyId: inMemory } = await ask(generateKey, { ...plain, sessionKey: true });
  const untrusted = await wrapping(USER);
  const trusted = await wrapping(OFFICER, { attributes: { trusted: true } });
  const recipientPublicKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({
    type: "spki",
    format: "pem",
  }) as string;
  for (const targetKeyId of [keyId, plainId, inMemory]) {
    assert.equal(await code(ask(wrapKey, { keyId: untrusted, targetKeyId })), "KEY_NOT_EXTRACTABLE");
    assert.equal(await code(ask(exportKey, { keyId: targetKeyId, recipientPublicKey })), "KEY_NOT_EXTRACTABLE");
    assert.equal(
      await code(ask(exportKey, { keyId: targetKeyId, plain: true }, { ...USER, roles: ["Administrator"] })),
      "KEY_NOT_EXTRACTABLE",
    );
    assert.equal(await code(ask(wrapKey, { keyId: trusted, targetKeyId })), "OK");
  }
  // Trust that is taken back is gone at once.
  await ask(setAttributes, { keyId: trusted, attributes: { trusted: false } }, OFFICER);
  assert.equal(await code(ask(wrapKey, { keyId: trusted, targetKeyId: keyId })), "KEY_NOT_EXTRACTABLE");
  assert.equal(await code(ask(setAttributes, { keyId, attributes: { wrapWithTrusted: false } })), "INVALID_REQUEST");
});

test("a key that is not destroyable is destroyed by no verb and no rule, and can be again when somebody says so", async () => {
  const { keyId } = await ask(generateKey, {
    algorithm: Algorithm.Aes256Gcm,
    attributes: { destroyable: false },
    rotationPolicy: { intervalSeconds: 3600, maxVersions: 1 },
  });
  assert.equal(await code(ask(deleteKey, { keyId })), "KEY_ATTRIBUTE_FORBIDS");
  assert.equal(await code(ask(destroyKey, { keyId })), "KEY_ATTRIBUTE_FORBIDS");
  await ask(rotateKey, { keyId });
  assert.equal(await code(ask(destroyKey, { keyId, version: 1 })), "KEY_ATTRIBUTE_FORBIDS");
  await vault.pass(0);
  const states = async (): Promise<string> =>
    ((await ask(getKey, { keyId })).key?.versions ?? [])
      .map(
        ({ purgeReason = "", purgeNeedsApproval }: { purgeReason?: string; purgeNeedsApproval?: boolean }) =>
          `${purgeReason}${purgeNeedsApproval}`,
      )
      .join();
  assert.equal(await states(), "false,false");
  assert.equal(
    vault.lines.some((line) => line.includes("a due step of a key's life was refused") && line.includes(keyId)),
    false,
  );
  const { keyId: inMemory } = await ask(generateKey, {
    algorithm: Algorithm.Aes256Gcm,
    sessionKey: true,
    attributes: { destroyable: false },
  });
  assert.equal(await code(ask(deleteKey, { keyId: inMemory })), "KEY_ATTRIBUTE_FORBIDS");
  await ask(setAttributes, { keyId, attributes: { destroyable: true } });
  assert.equal(await code(ask(deleteKey, { keyId })), "OK");
});

test("a destruction of an older version that waits does not come while its key is not destroyable", async () => {
  const { keyId } = await ask(generateKey, { algorithm: Algorithm.Aes256Gcm });
  await ask(rotateKey, { keyId });
  await ask(destroyKey, { keyId, version: 1 });
  await ask(setAttributes, { keyId, attributes: { destroyable: false } });
  await vault.pass(30 * DAY_MS);
  assert.equal(await code(ask(purgeKey, { keyId, version: 1 })), "KEY_ATTRIBUTE_FORBIDS");
  await ask(setAttributes, { keyId, attributes: { destroyable: true } });
  assert.equal(await vault.pass(1000), 1);
});

test("a key that always asks for a login is used by one for that request alone, never in a batch; its public half is for everybody", async () => {
  const asked = { usage: [Usage.SIGN, Usage.VERIFY, Usage.ENCRYPT, Usage.DECRYPT], exportable: ExportPolicy.PLAIN };
  const { keyId, key } = await ask(generateKey, { algorithm: Algorithm.Rsa2048, ...asked, attributes: { alwaysAuthenticate: true } });
  assert.equal(key?.attributes?.alwaysAuthenticate, true);
  const fresh = { ...ceremonyPrincipal("", ["Administrator"]), id: "user:user", method: "local user" as const, session: ONCE };
  assert.equal(await code(ask(sign, { keyId, data: DATA })), "LOGIN_REQUIRED");
  const { signature } = await vault.askAs(fresh, sign, { keyId, data: DATA });
  assert.equal((await ask(verify, { keyId, data: DATA, signature })).valid, true);
  const { ciphertext } = await ask(encrypt, { keyId, plaintext: DATA });
  assert.equal(await code(ask(decrypt, { keyId, ciphertext })), "LOGIN_REQUIRED");
  assert.deepEqual(Buffer.from((await vault.askAs(fresh, decrypt, { keyId, ciphertext })).plaintext), DATA);
  const { keyId: under } = await ask(generateKey, { algorithm: Algorithm.Aes256Kwp });
  assert.equal(await code(ask(wrapKey, { keyId: under, targetKeyId: keyId })), "LOGIN_REQUIRED");
  const items = [1, 2].map(() => ({ operation: { case: "sign" as const, value: { keyId, data: DATA } } }));
  const { results } = await vault.askAs(fresh, batch, { items });
  assert.deepEqual(
    results.map(({ result }) => (result.case === "error" ? result.value.code : result.case)),
    ["LOGIN_REQUIRED", "LOGIN_REQUIRED"],
  );
  assert.equal(await code(ask(setAttributes, { keyId, attributes: { alwaysAuthenticate: false } })), "INVALID_REQUEST");
  assert.equal(
    await code(ask(generateKey, { algorithm: Algorithm.Aes256Gcm, attributes: { alwaysAuthenticate: true } })),
    "INVALID_REQUEST",
  );
  // What changes nothing of its use asks for nothing.
  assert.equal(await code(ask(updateKey, { keyId, description: "d" })), "OK");
  assert.equal(await code(ask(deactivateKey, { keyId })), "OK");
});

test("guarding attributes are found by, and survive a restart", async () => {
  const { keyId } = await ask(
    generateKey,
    {
      algorithm: Algorithm.Rsa2048,
      usage: [Usage.WRAP, Usage.UNWRAP],
      attributes: { trusted: true, wrapWithTrusted: true, copyable: false, destroyable: false, alwaysAuthenticate: true },
    },
    OFFICER,
  );
  await vault.reopen();
  const match = { trusted: true, wrapWithTrusted: true, copyable: false, destroyable: false, alwaysAuthenticate: true };
  assert.deepEqual(
    (await ask(findObjects, { match })).keys.map((key) => key.keyId),
    [keyId],
  );
  assert.deepEqual((await ask(findObjects, { match: { ...match, copyable: true } })).keys, []);
  assert.equal(await code(ask(unwrapKey, { keyId, wrappedKey: DATA, asKey: { algorithm: Algorithm.Aes256Gcm } })), "LOGIN_REQUIRED");
});
