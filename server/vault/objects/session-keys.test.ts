/** Session keys against a whole vault: who has one, what it can do, and every way in which it ends. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import {
  Algorithm,
  ExportPolicy,
  Kdf,
  KeyMaterialFormat,
  KeyState,
  RevocationReason,
  Usage,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { activateKey } from "@keystead/contract/operations/activate-key";
import { agreeKey } from "@keystead/contract/operations/agree-key";
import { batch } from "@keystead/contract/operations/batch";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { deactivateKey } from "@keystead/contract/operations/deactivate-key";
import { decapsulate } from "@keystead/contract/operations/decapsulate";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { deleteNamespace } from "@keystead/contract/operations/delete-namespace";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { destroyKey } from "@keystead/contract/operations/destroy-key";
import { encapsulate } from "@keystead/contract/operations/encapsulate";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { exportKey } from "@keystead/contract/operations/export-key";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { getNamespace } from "@keystead/contract/operations/get-namespace";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { loginService } from "@keystead/contract/operations/login-service";
import { logout } from "@keystead/contract/operations/logout";
import { revokeKey } from "@keystead/contract/operations/revoke-key";
import { rollbackKey } from "@keystead/contract/operations/rollback-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { suspendKey } from "@keystead/contract/operations/suspend-key";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { updateKey } from "@keystead/contract/operations/update-key";
import { verify } from "@keystead/contract/operations/verify";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { filesystemStore } from "../stores/filesystem.ts";
import { sqliteStore } from "../stores/sqlite.ts";
import { storeFiles } from "../stores/store-files.ts";
import type { Store } from "../stores/store.ts";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";

const ALICE: Caller = { id: "user:alice", roles: ["Operator", "KeyAdmin"] };
const BOB: Caller = { id: "user:bob", roles: ["Administrator"] };
const DATA = Buffer.from("data");
const FORM = /^session-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let vault: ClockedVault;
before(async () => {
  vault = await ClockedVault.open();
});
beforeEach(async () => {
  vault.sessionKeyRules = { most: 1000, idleMs: 3_600_000 };
  vault.approvalsConfig = { ...vault.approvalsConfig, newKeysStaged: false };
  await vault.reopen();
});
after(() => vault.vault.log.close());

const make = async (who: Caller = ALICE, algorithm = Algorithm.EcdsaP256): Promise<string> =>
  (await vault.askFrom(who, generateKey, { algorithm, sessionKey: true })).keyId;
const missing = (asking: Promise<unknown>): Promise<void> => assert.rejects(asking, { code: "OBJECT_NOT_FOUND" });

test("a session key signs, verifies, shows its public half and says what it is, under an id that the vault chose", async () => {
  const { keyId, key, publicKey } = await vault.askFrom(ALICE, generateKey, {
    algorithm: Algorithm.EcdsaP256,
    sessionKey: true,
    attributes: { label: "for a while" },
  });
  assert.match(keyId, FORM);
  assert.equal(key?.sessionKey, true);
  assert.equal(key.attributes?.label, "for a while");
  const { signature, version } = await vault.askFrom(ALICE, sign, { keyId, data: DATA });
  assert.equal(version, 1);
  assert.equal((await vault.askFrom(ALICE, verify, { keyId, data: DATA, signature })).valid, true);
  assert.equal((await vault.askFrom(ALICE, getPublicKey, { keyId })).publicKey, publicKey);
  assert.equal((await vault.askFrom(ALICE, getKey, { keyId })).key?.uses, 1n);
  await assert.rejects(vault.askFrom(ALICE, encrypt, { keyId, plaintext: DATA }), { code: "KEY_USAGE_FORBIDS" });
});

test("every operation that makes a key makes a session key, and each of them can be used", async () => {
  const aes = { algorithm: Algorithm.Aes256Gcm, sessionKey: true };
  const uses = async (keyId: string): Promise<void> => {
    assert.match(keyId, FORM);
    const { ciphertext } = await vault.askFrom(ALICE, encrypt, { keyId, plaintext: DATA });
    assert.deepEqual(Buffer.from((await vault.askFrom(ALICE, decrypt, { keyId, ciphertext })).plaintext), DATA);
  };
  await uses((await vault.askFrom(ALICE, generateKey, aes)).keyId);
  const imported = { ...aes, keyMaterial: Buffer.alloc(32, 7), format: KeyMaterialFormat.RAW, exportable: ExportPolicy.WRAPPED };
  const { keyId: target } = await vault.askFrom(ALICE, importKey, imported);
  await uses(target);
  const { keyId: wrapping } = await vault.askFrom(ALICE, generateKey, { algorithm: Algorithm.Aes256Kw, sessionKey: true });
  const { wrappedKey } = await vault.askFrom(ALICE, wrapKey, { keyId: wrapping, targetKeyId: target });
  await uses((await vault.askFrom(ALICE, unwrapKey, { keyId: wrapping, wrappedKey, asKey: aes })).keyId);
  const { keyId: secret } = await vault.askFrom(ALICE, generateKey, { algorithm: Algorithm.GenericSecret, sessionKey: true });
  const derived = await vault.askFrom(ALICE, deriveKey, { keyId: secret, derivation: { function: Kdf.HKDF }, asKey: aes });
  await uses(derived.key?.keyId ?? "");
  const { keyId: agreeing } = await vault.askFrom(ALICE, generateKey, { algorithm: Algorithm.X25519, sessionKey: true });
  const peerPublicKey = generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "der" });
  const agreed = await vault.askFrom(ALICE, agreeKey, { keyId: agreeing, peerPublicKey, derivation: { function: Kdf.HKDF }, asKey: aes });
  await uses(agreed.key?.keyId ?? "");
  const { keyId: kem } = await vault.askFrom(ALICE, generateKey, { algorithm: Algorithm.MlKem768, sessionKey: true });
  const sent = await vault.askFrom(ALICE, encapsulate, { keyId: kem, asKey: aes });
  await uses(sent.key?.keyId ?? "");
  const received = await vault.askFrom(ALICE, decapsulate, { keyId: kem, ciphertext: sent.ciphertext, asKey: aes });
  await uses(received.key?.keyId ?? "");
});

test("a session key is nobody else's: to an Administrator, to another session and to the server itself it is not there", async () => {
  const keyId = await make();
  const stored = { keyId: "no-such-key" };
  const asked = [
    [getKey, {}],
    [getPublicKey, {}],
    [sign, { data: DATA }],
    [deleteKey, {}],
    [destroyKey, {}],
    [updateKey, { description: "mine now" }],
    [setAttributes, { attributes: { label: "mine now" } }],
    [exportKey, { plain: true }],
    [rotateKey, {}],
  ] as const;
  for (const [operation, more] of asked) {
    const refusal = async (id: string): Promise<string> =>
      vault.askFrom(BOB, operation as typeof getKey, { ...more, keyId: id }).then(
        () => "nothing",
        (error: { code: string; detail: string }) => `${error.code} ${error.detail}`,
      );
    const said = await refusal(keyId);
    assert.match(said, /^OBJECT_NOT_FOUND/, operation.name);
    assert.equal(said, (await refusal(stored.keyId)).replace(stored.keyId, keyId), operation.name);
  }
  await missing(vault.ask(getKey, { keyId }));
  await vault.askFrom(ALICE, getKey, { keyId });
  const { keyId: wrapping } = await vault.askFrom(BOB, generateKey, { algorithm: Algorithm.Aes256Kw });
  await missing(vault.askFrom(BOB, wrapKey, { keyId: wrapping, targetKeyId: keyId }));
  const { results } = await vault.askFrom(BOB, batch, { items: [{ operation: { case: "sign", value: { keyId, data: DATA } } }] });
  assert.equal(results[0]?.result.case, "error");
});

test("rules see a session key of the caller's as they see any key, and nothing of anybody else's", async () => {
  const { keyId } = await vault.askFrom(ALICE, generateKey, { algorithm: Algorithm.EcdsaP256, sessionKey: true, tags: ["sealed"] });
  const sealed = { id: "sealed", members: ["user:alice", "user:bob"], permissions: ["crypto:sign"], namespaces: ["default"] };
  await vault.ask(setPolicy, { document: JSON.stringify({ format: 1, denials: [{ ...sealed, keys: { tags: ["sealed"] } }] }) });
  await assert.rejects(vault.askFrom(ALICE, sign, { keyId, data: DATA }), { code: "PERMISSION_DENIED" });
  await missing(vault.askFrom(BOB, sign, { keyId, data: DATA }));
});

test("session keys are in no listing and no search, and count in no quota of stored keys", async () => {
  await vault.ask(createNamespace, { namespace: "small", maxKeys: 1 });
  const inSmall = { namespace: "small", algorithm: Algorithm.Aes256Gcm };
  const made = await vault.askFrom(ALICE, generateKey, { ...inSmall, sessionKey: true, attributes: { label: "hidden" } });
  await vault.askFrom(ALICE, generateKey, { ...inSmall, sessionKey: true });
  assert.deepEqual((await vault.askFrom(ALICE, listKeys, { namespace: "small" })).keys, []);
  assert.deepEqual((await vault.askFrom(ALICE, findObjects, { namespace: "small", match: { label: "hidden" } })).keys, []);
  const { keyId } = await vault.askFrom(ALICE, generateKey, inSmall);
  assert.deepEqual(
    (await vault.askFrom(ALICE, listKeys, { namespace: "small" })).keys.map((key) => key.keyId),
    [keyId],
  );
  await assert.rejects(vault.askFrom(ALICE, generateKey, inSmall), { code: "QUOTA_EXCEEDED" });
  assert.equal((await vault.ask(getNamespace, { namespace: "small" })).namespace?.keys, 1);
  await vault.askFrom(ALICE, getKey, { namespace: "small", keyId: made.keyId });
  await missing(vault.askFrom(ALICE, getKey, { keyId: made.keyId }));
});

test("it lives as it is: every verb of a key's life is refused by name, its attributes change as those of any key", async () => {
  const keyId = await make();
  const verbs = [
    [rotateKey, {}],
    [rollbackKey, { version: 1 }],
    [suspendKey, {}],
    [deactivateKey, {}],
    [activateKey, {}],
    [revokeKey, { reason: RevocationReason.KEY_COMPROMISE }],
    [destroyKey, {}],
  ] as const;
  for (const [operation, more] of verbs)
    await assert.rejects(
      vault.askFrom(ALICE, operation as unknown as typeof getKey, { ...more, keyId }),
      (error: { code: string; detail: string }) => {
        assert.equal(error.code, "INVALID_REQUEST", operation.name);
        assert.match(error.detail, new RegExp(`^${operation.name} is not for session keys`));
        return true;
      },
    );
  await assert.rejects(vault.askFrom(ALICE, updateKey, { keyId, rotationPolicy: {} }), { code: "INVALID_REQUEST" });
  const asked = { algorithm: Algorithm.EcdsaP256, sessionKey: true };
  await assert.rejects(vault.askFrom(ALICE, generateKey, { ...asked, keyId: "chosen" }), { code: "INVALID_REQUEST" });
  await assert.rejects(vault.askFrom(ALICE, generateKey, { ...asked, state: KeyState.PRE_ACTIVATION }), { code: "INVALID_REQUEST" });
  await assert.rejects(vault.askFrom(ALICE, generateKey, { ...asked, rotationPolicy: {} }), { code: "INVALID_REQUEST" });
  await vault.askFrom(ALICE, updateKey, { keyId, description: "said", addTags: ["a"] });
  await vault.askFrom(ALICE, setAttributes, { keyId, attributes: { label: "b", usage: [Usage.VERIFY] } });
  const { key } = await vault.askFrom(ALICE, getKey, { keyId });
  assert.deepEqual([key?.description, key?.tags, key?.attributes?.label, key?.usage], ["said", ["a"], "b", [Usage.VERIFY]]);
  await assert.rejects(vault.askFrom(ALICE, sign, { keyId, data: DATA }), { code: "KEY_USAGE_FORBIDS" });
  await assert.rejects(vault.askFrom(ALICE, setAttributes, { keyId, attributes: { usage: [Usage.SIGN] } }), { code: "INVALID_REQUEST" });
});

test("two changes of a session key at once are both made: what was given up stays given up", async () => {
  const { keyId } = await vault.askFrom(ALICE, generateKey, {
    algorithm: Algorithm.Aes256Gcm,
    sessionKey: true,
    exportable: ExportPolicy.PLAIN,
  });
  await Promise.all([
    vault.askFrom(ALICE, setAttributes, { keyId, attributes: { extractable: false } }),
    vault.askFrom(ALICE, setAttributes, { keyId, attributes: { label: "other" } }),
  ]);
  const { key } = await vault.askFrom(ALICE, getKey, { keyId });
  assert.deepEqual([key?.exportable, key?.attributes?.label], [ExportPolicy.NEVER, "other"]);
});

test("a limit on uses holds for a session key, and so does one on mechanisms", async () => {
  const { keyId } = await vault.askFrom(ALICE, generateKey, {
    algorithm: Algorithm.Rsa2048,
    sessionKey: true,
    attributes: { maxUses: 2n, allowedMechanisms: ["RSA-PSS-SHA-256"] },
  });
  await assert.rejects(vault.askFrom(ALICE, sign, { keyId, data: DATA, scheme: 2 }));
  await vault.askFrom(ALICE, sign, { keyId, data: DATA });
  await assert.rejects(vault.askFrom(ALICE, sign, { keyId, data: DATA }), { code: "KEY_EXHAUSTED" });
});

test("the end of a session key is at once and for good, and no stored key can take its id", async () => {
  const keyId = await make();
  await vault.askFrom(ALICE, deleteKey, { keyId });
  await missing(vault.askFrom(ALICE, sign, { keyId, data: DATA }));
  await missing(vault.askFrom(ALICE, getKey, { keyId }));
  await missing(vault.askFrom(ALICE, deleteKey, { keyId }));
  assert.equal(vault.vault.sessionKeys.count, 0);
  await assert.rejects(vault.askFrom(BOB, generateKey, { keyId, algorithm: Algorithm.EcdsaP256 }), { code: "INVALID_REQUEST" });
});

test("whoever may make session keys may end their own, without the permission to destroy keys", async () => {
  const operator: Caller = { id: "user:operator", roles: ["Operator"] };
  const keyId = await make(operator);
  const { keyId: stored } = await vault.askFrom(operator, generateKey, { algorithm: Algorithm.EcdsaP256 });
  await vault.askFrom(operator, deleteKey, { keyId });
  assert.equal(vault.vault.sessionKeys.count, 0);
  for (const other of [stored, await make()])
    await assert.rejects(vault.askFrom(operator, deleteKey, { keyId: other }), { code: "PERMISSION_DENIED" });
});

test("a principal has as many session keys as configured, each that ends makes room, and one that could not be made takes none", async () => {
  vault.sessionKeyRules = { most: 2, idleMs: 60_000 };
  await vault.reopen();
  const first = await make();
  await make();
  await assert.rejects(make(), { code: "QUOTA_EXCEEDED" });
  await make(BOB);
  await vault.askFrom(ALICE, deleteKey, { keyId: first });
  vault.gates.push(() => {
    throw new Error("refused on the way");
  });
  await assert.rejects(make());
  vault.gates.pop();
  await make();
  await assert.rejects(make(), { code: "QUOTA_EXCEEDED" });
});

test("a session key that nobody uses ends, whether or not somebody looks; one that is used goes on", async () => {
  vault.sessionKeyRules = { most: 10, idleMs: 60_000 };
  await vault.reopen();
  const used = await make();
  await make();
  for (let minute = 0; minute < 3; minute += 1) {
    vault.now += 40_000;
    await vault.askFrom(ALICE, sign, { keyId: used, data: DATA });
  }
  vault.vault.sessionKeys.sweep();
  assert.equal(vault.vault.sessionKeys.count, 1);
  vault.now += 60_000;
  await missing(vault.askFrom(ALICE, sign, { keyId: used, data: DATA }));
  assert.equal(vault.vault.sessionKeys.count, 0);
});

test("sealing and a restart end all session keys, and none is made where every new key waits for its activation", async () => {
  const keyId = await make();
  const { sessionKeys } = vault.vault;
  await vault.reopen();
  assert.equal(sessionKeys.count, 0);
  await missing(vault.askFrom(ALICE, getKey, { keyId }));
  vault.approvalsConfig = { ...vault.approvalsConfig, newKeysStaged: true };
  await vault.reopen();
  await assert.rejects(make(), { code: "INVALID_REQUEST" });
});

test("a session key belongs to the session that made it: another session of the same account has it not, and logout ends it", async () => {
  await vault.ask(createServiceAccount, { name: "builder", roles: ["Operator"], namespaces: ["*"] });
  const { secretId } = await vault.ask(createSecretId, { name: "builder" });
  const enter = async (): Promise<string> => (await vault.over(loginService, { roleId: "builder", secretId })).tokens?.accessToken ?? "";
  const [one, other] = [await enter(), await enter()];
  const { keyId } = await vault.over(generateKey, { algorithm: Algorithm.EcdsaP256, sessionKey: true }, { token: one });
  await vault.over(sign, { keyId, data: DATA }, { token: one });
  await missing(vault.over(sign, { keyId, data: DATA }, { token: other }));
  await missing(vault.askFrom({ id: "service:builder" }, sign, { keyId, data: DATA }));
  assert.equal(vault.vault.sessionKeys.count, 1);
  await vault.over(logout, {}, { token: other });
  assert.equal(vault.vault.sessionKeys.count, 1);
  await vault.over(logout, {}, { token: one });
  assert.equal(vault.vault.sessionKeys.count, 0);
});

test("what a principal made without a session is theirs in each of their sessions", async () => {
  const keyId = await make({ id: "service:builder", roles: ["Operator"] });
  const { secretId } = await vault.ask(createSecretId, { name: "builder" });
  const token = (await vault.over(loginService, { roleId: "builder", secretId })).tokens?.accessToken ?? "";
  await vault.over(sign, { keyId, data: DATA }, { token });
});

test("with its namespace a session key ends", async () => {
  vault.sessionKeyRules = { most: 1000, idleMs: 86_400_000 };
  await vault.reopen();
  await vault.ask(createNamespace, { namespace: "passing" });
  await vault.askFrom(ALICE, generateKey, { namespace: "passing", algorithm: Algorithm.Aes256Gcm, sessionKey: true });
  const staying = await make();
  await vault.ask(deleteNamespace, { namespace: "passing", delaySeconds: 3600 });
  vault.now += 3_599_000;
  await vault.askFrom(ALICE, getKey, { keyId: staying });
  await vault.pass(2000);
  assert.equal(vault.vault.sessionKeys.count, 1);
});

test("events of session keys say so, those of other keys do not", async () => {
  const keyId = await make();
  await vault.askFrom(ALICE, sign, { keyId, data: DATA });
  await assert.rejects(vault.askFrom(ALICE, encrypt, { keyId, plaintext: DATA }));
  await vault.askFrom(ALICE, batch, { items: [{ operation: { case: "sign", value: { keyId, data: DATA } } }] });
  await vault.askFrom(ALICE, deleteKey, { keyId });
  const { keyId: stored } = await vault.askFrom(ALICE, generateKey, { algorithm: Algorithm.EcdsaP256 });
  await vault.askFrom(ALICE, sign, { keyId: stored, data: DATA });
  const said = (await vault.events()).slice(-7);
  assert.deepEqual(
    said.map((event) => [event.action, event.sessionKey ?? event.items?.[0]?.sessionKey ?? false, event.outcome]),
    [
      ["GenerateKey", true, "OK"],
      ["Sign", true, "OK"],
      ["Encrypt", true, "KEY_USAGE_FORBIDS"],
      ["Batch", true, "OK"],
      ["DeleteKey", true, "OK"],
      ["GenerateKey", false, "OK"],
      ["Sign", false, "OK"],
    ],
  );
  assert.deepEqual(said[0]?.records, undefined);
});

test("no store ever has anything of a session key", async () => {
  const folder = mkdtempSync(join(tmpdir(), "session-keys-"));
  const stores: readonly [string, (path: string) => Store][] = [
    ["sqlite", (path) => sqliteStore({ path: join(path, "keystead.db"), wal: true, syncMode: "full" })],
    [
      "filesystem",
      (path) =>
        filesystemStore({
          folder: path,
          durable: false,
          settleAfterMs: 0,
          onTrouble: (error) => assert.fail(String(error)),
          files: storeFiles(0),
        }),
    ],
  ];
  try {
    for (const [name, open] of stores) {
      const path = mkdtempSync(join(folder, name));
      const store = open(path);
      const made = await ClockedVault.open(store);
      const { keyId } = await made.askFrom(ALICE, generateKey, {
        algorithm: Algorithm.Aes256Gcm,
        sessionKey: true,
        attributes: { label: "nowhere-at-all" },
      });
      await made.askFrom(ALICE, encrypt, { keyId, plaintext: DATA });
      await made.askFrom(ALICE, generateKey, { algorithm: Algorithm.Aes256Gcm, keyId: "stored-one" });
      await made.reopen();
      await made.vault.log.close();
      store.close();
      const bytes = readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) => [
        Buffer.from(join(entry.parentPath, entry.name)),
        ...(entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name))] : []),
      ]);
      const holds = (text: string): boolean => bytes.some((one) => one.includes(text));
      assert.equal(holds("stored-one"), true, name);
      // The log says that it was used. Records that the log names are of stored keys alone.
      assert.equal(holds("nowhere-at-all"), false, name);
      const anchors = [...made.vault.log.anchors().keys()];
      assert.equal(
        anchors.some((record) => record.includes(keyId)),
        false,
        name,
      );
      assert.equal(holds(`/${keyId}/`) || holds(`keys/${keyId}`), false, name);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
