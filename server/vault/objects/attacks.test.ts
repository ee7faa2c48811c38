/**
 * Attacks on PKCS#11 tokens that learn a sensitive key by permitted calls alone, each played against a whole vault by somebody
 * who may do everything to keys but call them trusted.
 *
 * @see Clulow: On the Security of PKCS#11 (CHES 2003); Delaune, Kremer, Steel: Formal Analysis of PKCS#11 (2008);
 *   Bortolozzo, Centenaro, Focardi, Steel: Attacking and Fixing PKCS#11 Security Tokens (2010), called Tookan
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { ALGORITHMS, ALGORITHM_NAMES } from "@keystead/contract/algorithms";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { Algorithm, ExportPolicy, KeyMaterialFormat, RevocationReason, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { revokeKey } from "@keystead/contract/operations/revoke-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { ClockedVault } from "../testing/clocked-vault.ts";

const OFFICER = { id: "user:officer", roles: ["Administrator"] };
const MALLORY = { id: "user:mallory", roles: ["Operator", "NamespaceAdmin"] };
const ROLES = MALLORY.roles.filter((role) => role !== "NamespaceAdmin").concat("KeyAdmin", "Service");

let vault: ClockedVault;
let transport: string;
before(async () => {
  vault = await ClockedVault.open();
  transport = await made({ algorithm: Algorithm.Aes256Kwp });
});
after(() => vault.vault.log.close());

const ask = <I extends DescMessage, O extends DescMessage>(operation: Operation<I, O>, request: MessageInitShape<I>, who: object = {}) =>
  vault.askFrom({ ...MALLORY, roles: ROLES, ...who }, operation, request);
const code = (asking: Promise<unknown>): Promise<string> => vault.codeOf(asking);
async function made(request: MessageInitShape<typeof generateKey.method.input>, who: object = {}): Promise<string> {
  return (await ask(generateKey, request, who)).keyId;
}
const wrapped = async (targetKeyId: string, keyId = transport): Promise<Uint8Array> =>
  (await ask(wrapKey, { keyId, targetKeyId })).wrappedKey;

/** A key that is sensitive and may leave wrapped: what every one of these attacks is after. */
const victim = (more: object = {}): Promise<string> => made({ algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.WRAPPED, ...more });

test("wrap/decrypt conflict: no key both wraps keys and decrypts data, and none becomes such a key", async () => {
  const pairs = [
    [Algorithm.Aes256Gcm, Usage.WRAP, Usage.DECRYPT],
    [Algorithm.Aes256Gcm, Usage.UNWRAP, Usage.ENCRYPT],
    [Algorithm.Rsa2048, Usage.WRAP, Usage.DECRYPT],
    [Algorithm.Rsa2048, Usage.UNWRAP, Usage.ENCRYPT],
    [Algorithm.Rsa2048, Usage.UNWRAP, Usage.SIGN],
    [Algorithm.X25519, Usage.WRAP, Usage.DERIVE],
  ] as const;
  for (const [algorithm, ...usage] of pairs) {
    assert.equal(await code(made({ algorithm, usage: [...usage] })), "INVALID_REQUEST");
    assert.equal(await code(made({ algorithm, usage: [...usage], sessionKey: true })), "INVALID_REQUEST");
    const keyId = await made({ algorithm, usage: [usage[0]] });
    assert.equal(await code(ask(setAttributes, { keyId, attributes: { usage: [...usage] } })), "INVALID_REQUEST");
  }
  const aes = { algorithm: Algorithm.Aes256Gcm, keyMaterial: Buffer.alloc(32, 1), format: KeyMaterialFormat.RAW };
  assert.equal(await code(ask(importKey, { ...aes, usage: [Usage.WRAP, Usage.DECRYPT] })), "INVALID_REQUEST");
});

test("every algorithm: nothing that wraps or unwraps does anything else by default", async () => {
  for (const name of ALGORITHM_NAMES) {
    const { usages } = ALGORITHMS[name];
    const wraps = (usages as readonly string[]).filter((usage) => usage === "wrap" || usage === "unwrap");
    if (wraps.length === 0 || name.startsWith("RSA-4096") || name.startsWith("RSA-3072")) continue;
    const { key } = await ask(generateKey, { algorithm: algorithmNumber(name), sessionKey: true });
    const usage = key?.usage ?? [];
    assert.ok(
      usage.every((one) => one === Usage.WRAP || one === Usage.UNWRAP) || usage.every((one) => one !== Usage.WRAP && one !== Usage.UNWRAP),
      name,
    );
  }
});

test("re-import: a wrapping key that leaves does not come back as one that decrypts (Tookan A1, by way of unwrap)", async () => {
  const wrapping = await made({ algorithm: Algorithm.Aes256Gcm, usage: [Usage.WRAP, Usage.UNWRAP], exportable: ExportPolicy.WRAPPED });
  const wrappedKey = await wrapped(wrapping);
  const again = (usage: Usage[], algorithm: Algorithm = Algorithm.Aes256Gcm): Promise<string> =>
    code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey: { algorithm, usage } }));
  assert.equal(await again([Usage.DECRYPT]), "INVALID_REQUEST");
  assert.equal(await again([Usage.ENCRYPT]), "INVALID_REQUEST");
  // Nor as a key of another mode, by which the cipher's blocks could be had one by one.
  for (const algorithm of [Algorithm.Aes256Cbc, Algorithm.Aes256Ctr, Algorithm.HmacSha256, Algorithm.GenericSecret])
    assert.equal(await again([], algorithm), "INVALID_REQUEST");
  assert.equal(await again([Usage.WRAP, Usage.UNWRAP]), "OK");
  assert.equal(await again([Usage.UNWRAP]), "OK");
});

test("re-import the other way: a key that decrypts does not come back as one that wraps (Clulow's key separation)", async () => {
  const wrappedKey = await wrapped(await victim());
  const asKey = { algorithm: Algorithm.Aes256Gcm, usage: [Usage.WRAP] };
  assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "INVALID_REQUEST");
  assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey: { ...asKey, sessionKey: true } })), "INVALID_REQUEST");
  const imported = { algorithm: Algorithm.Aes256Gcm, keyMaterial: wrappedKey, format: KeyMaterialFormat.RAW, wrappingKeyId: transport };
  assert.equal(await code(ask(importKey, { ...imported, usage: [Usage.WRAP] })), "INVALID_REQUEST");
  assert.equal(await code(ask(importKey, { ...imported, usage: [Usage.ENCRYPT, Usage.DECRYPT] })), "OK");
});

test("unwrap with weaker attributes: a sensitive key does not come back to leave in plain (Tookan A2)", async () => {
  const wrappedKey = await wrapped(await victim());
  const again = (exportable: ExportPolicy, sessionKey = false): Promise<string> =>
    code(
      ask(unwrapKey, {
        keyId: transport,
        wrappedKey,
        asKey: { algorithm: Algorithm.Aes256Gcm, exportable, sessionKey, usage: [Usage.DECRYPT] },
      }),
    );
  assert.equal(await again(ExportPolicy.PLAIN), "INVALID_REQUEST");
  assert.equal(await again(ExportPolicy.PLAIN, true), "INVALID_REQUEST");
  assert.equal(await again(ExportPolicy.WRAPPED), "OK");
  assert.equal(await again(ExportPolicy.NEVER, true), "OK");
});

test("what was given up after the key had left stays given up: extractable, usages, and what a destroyed key could do", async () => {
  const keyId = await victim();
  const wrappedKey = await wrapped(keyId);
  await ask(setAttributes, { keyId, attributes: { extractable: false, usage: [Usage.DECRYPT] } });
  const again = (more: object): Promise<string> =>
    code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.DECRYPT], ...more } }));
  const weaker = [{ exportable: ExportPolicy.WRAPPED }, { usage: [Usage.ENCRYPT] }, { usage: [Usage.ENCRYPT, Usage.DECRYPT] }];
  for (const more of weaker) assert.equal(await again(more), "INVALID_REQUEST");
  await ask(revokeKey, { keyId, reason: RevocationReason.SUPERSEDED });
  await ask(deleteKey, { keyId });
  for (const more of weaker) assert.equal(await again(more), "INVALID_REQUEST");
  await vault.reopen();
  for (const more of weaker) assert.equal(await again(more), "INVALID_REQUEST");
  assert.equal(await again({}), "OK");
});

test("a key from before keys were recognised is recognised from when it leaves", async () => {
  const keyId = await victim();
  const { change } = await vault.vault.objects.alter("default", keyId, (before) => ({
    attributes: { ...before, versions: before.versions.map(({ mark: _mark, ...version }) => version) },
  }));
  await vault.vault.note("test", "FileKeys", "test", change.writes);
  change.settle(true);
  const wrappedKey = await wrapped(keyId);
  const asKey = { algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.PLAIN };
  assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "INVALID_REQUEST");
  await vault.reopen();
  assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "INVALID_REQUEST");
});

test("type confusion: a private key does not come back as a secret whose bytes can be shown", async () => {
  for (const algorithm of [Algorithm.EcdsaP256, Algorithm.Ed25519, Algorithm.X25519]) {
    const wrappedKey = await wrapped(await victim({ algorithm }));
    for (const exportable of [ExportPolicy.NEVER, ExportPolicy.PLAIN]) {
      const asKey = { algorithm: Algorithm.GenericSecret, exportable };
      assert.notEqual(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "OK");
    }
  }
});

test("every algorithm that can leave is recognised when it comes back, from each of its versions and from memory alone", async () => {
  for (const name of ALGORITHM_NAMES) {
    if (/^RSA-|^SLH-DSA/.test(name)) continue;
    const algorithm = algorithmNumber(name);
    for (const sessionKey of [false, true]) {
      const keyId = await victim({ algorithm, sessionKey });
      const wrappedKey = await wrapped(keyId);
      const asKey = { algorithm, exportable: ExportPolicy.PLAIN };
      assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "INVALID_REQUEST", `${name} ${sessionKey}`);
    }
  }
  const keyId = await victim({ algorithm: Algorithm.Rsa2048 });
  const first = await wrapped(keyId);
  await ask(rotateKey, { keyId });
  for (const wrappedKey of [first, await wrapped(keyId)]) {
    const asKey = { algorithm: Algorithm.Rsa2048, exportable: ExportPolicy.PLAIN };
    assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "INVALID_REQUEST");
  }
});

test("a known wrapping key (Clulow 2003): a key that asks for trusted keys leaves under none that somebody imported", async () => {
  const keyId = await victim({ attributes: { wrapWithTrusted: true } });
  const known = { algorithm: Algorithm.Aes256Kwp, keyMaterial: Buffer.alloc(32, 3), format: KeyMaterialFormat.RAW };
  const { keyId: mine } = await ask(importKey, known);
  assert.equal(await code(wrapped(keyId, mine)), "KEY_NOT_EXTRACTABLE");
  assert.equal(await code(ask(importKey, { ...known, attributes: { trusted: true } })), "PERMISSION_DENIED");
  assert.equal(await code(ask(setAttributes, { keyId: mine, attributes: { trusted: true } })), "PERMISSION_DENIED");
});

test("trusted wrapping: what comes back from under a trusted key stays among trusted keys", async () => {
  const trusted = await made({ algorithm: Algorithm.Aes256Kwp, attributes: { trusted: true } }, OFFICER);
  // From another vault that shares the trusted key: this one has never seen it.
  const keyId = await victim({ attributes: { wrapWithTrusted: true } });
  const wrappedKey = await wrapped(keyId, trusted);
  const again = (exportable: ExportPolicy, attributes: object = {}) =>
    ask(unwrapKey, {
      keyId: trusted,
      wrappedKey,
      asKey: { algorithm: Algorithm.Aes256Gcm, exportable, usage: [Usage.DECRYPT] },
      attributes,
    });
  assert.equal(await code(again(ExportPolicy.PLAIN)), "INVALID_REQUEST");
  const { key } = await again(ExportPolicy.WRAPPED, { wrapWithTrusted: false });
  assert.equal(key?.attributes?.wrapWithTrusted, true);
  assert.equal(await code(wrapped(key.keyId)), "KEY_NOT_EXTRACTABLE");
  assert.equal(await code(wrapped(key.keyId, trusted)), "OK");
});

test("a weak wrapping key takes no stronger key along, from the store or from memory; an asymmetric one does as other systems ask", async () => {
  const sized = (algorithm: Algorithm, sizeBytes: number): MessageInitShape<typeof importKey.method.input> => ({
    algorithm,
    keyMaterial: Buffer.alloc(sizeBytes, 5),
    format: KeyMaterialFormat.RAW,
    exportable: ExportPolicy.WRAPPED,
  });
  for (const sessionKey of [false, true]) {
    const weak = await made({ algorithm: Algorithm.Aes128Kwp, sessionKey });
    for (const algorithm of [
      Algorithm.Aes256Gcm,
      Algorithm.Aes192Gcm,
      Algorithm.EcdsaP384,
      Algorithm.EcdsaP521,
      Algorithm.Ed448,
      Algorithm.Aes256Kwp,
    ])
      assert.equal(await code(wrapped(await victim({ algorithm, sessionKey }), weak)), "WRAPPING_KEY_TOO_WEAK", `algorithm ${algorithm}`);
    for (const algorithm of [Algorithm.Aes128Gcm, Algorithm.EcdsaP256, Algorithm.Ed25519, Algorithm.Rsa2048])
      assert.equal(await code(wrapped(await victim({ algorithm, sessionKey }), weak)), "OK", `algorithm ${algorithm}`);
    const rsa = await made({ algorithm: Algorithm.Rsa2048, usage: [Usage.WRAP, Usage.UNWRAP], sessionKey });
    assert.equal(await code(wrapped(await victim({ sessionKey }), rsa)), "OK");
  }
  const weak = await made({ algorithm: Algorithm.Aes128Kwp });
  const long = await ask(importKey, sized(Algorithm.GenericSecret, 17));
  const short = await ask(importKey, sized(Algorithm.GenericSecret, 16));
  assert.equal(await code(wrapped(long.keyId, weak)), "WRAPPING_KEY_TOO_WEAK", "a secret of 136 bits");
  assert.equal(await code(wrapped(short.keyId, weak)), "OK", "a secret is not stronger than it is long");
});

test("a wrapping key that may itself leave in plain takes no key along that may not", async () => {
  const open = await made({ algorithm: Algorithm.Aes256Kwp, exportable: ExportPolicy.PLAIN });
  assert.equal(await code(wrapped(await victim(), open)), "KEY_NOT_EXTRACTABLE");
});

test("a key that never left, and one that this vault has never seen, come in as whatever they are said to be", async () => {
  const stranger = { algorithm: Algorithm.Aes256Gcm, keyMaterial: Buffer.alloc(32, 9), format: KeyMaterialFormat.RAW };
  const { keyId } = await ask(importKey, { ...stranger, exportable: ExportPolicy.PLAIN });
  const wrappedKey = await wrapped(keyId);
  const asKey = { algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.PLAIN };
  assert.equal(await code(ask(unwrapKey, { keyId: transport, wrappedKey, asKey })), "OK");
  // Who has the bytes in plain already learns nothing by them.
  assert.equal(await code(ask(importKey, { ...stranger, exportable: ExportPolicy.PLAIN, usage: [Usage.WRAP] })), "OK");
  assert.equal((await ask(exportKey, { keyId, plain: true }, { roles: ["Administrator"] })).keyMaterial.length, 32);
});
