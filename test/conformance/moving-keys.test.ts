/**
 * Keys on the move, through every door: wrapped, unwrapped, exported, imported wrapped, and data encrypted anew.
 *
 * The stranger is the `openssl` command: it unwraps what is wrapped here and wraps what is unwrapped here, with AES-KW,
 * AES-KWP, RSA-OAEP and the two together. HPKE is held to its vectors (test/vectors/hpke.test.ts) and to itself here.
 *
 * Long, because each way out is tried with its way back in, over the same keys, surfaces and strangers.
 */
import assert from "node:assert/strict";
import { createDecipheriv, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { ALGORITHMS, ALGORITHM_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import { algorithmNumber, digestNumber } from "@keystead/contract/enum-names";
import {
  ExportPolicy,
  KeyMaterialFormat,
  KeyMode,
  KeyState,
  SortOrder,
  Usage,
  WrappingMechanism,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { getKey } from "@keystead/contract/operations/get-key";
import { hpkeOpen } from "@keystead/contract/operations/hpke-open";
import { hpkeSeal } from "@keystead/contract/operations/hpke-seal";
import { importKey } from "@keystead/contract/operations/import-key";
import { rewrapData } from "@keystead/contract/operations/rewrap-data";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { openssl } from "./openssl.ts";
import { serve, type RunningServer } from "./running-server.ts";
import { SURFACES, ask, hangUp, type Answer, type Door, type Reply, type Surface } from "./surfaces.ts";
import { mint } from "./tokens.ts";

let server: RunningServer;
let door: Door;
let keyAdmin: Door;
let operator: Door;

before(async () => {
  server = await serve();
  const ca = server.credential("ca.pem");
  const token = (role: string): Promise<string> => mint(server.credential("token-key.pem"), { roles: [role] });
  door = { origin: server.api, ca, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  keyAdmin = { origin: server.api, ca, token: await token("KeyAdmin") };
  operator = { origin: server.api, ca, token: await token("Operator") };
});
after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

type Request = Parameters<typeof ask>[3];

async function given(surface: Surface, operation: Parameters<typeof ask>[2], request: Request, at = door): Promise<Reply> {
  const answer = await ask(surface, at, operation, request as never);
  assert.ok(answer.ok, `${operation.name} over ${surface}: ${answer.code} ${answer.detail} ${answer.text.slice(0, 400)}`);
  return answer.reply;
}

const refusedWith = (answer: Answer, code: string, what: string): void =>
  assert.equal(answer.ok ? "OK" : answer.code, code, `${what}: ${answer.detail}`);
const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const surfaceAt = (index: number): Surface => SURFACES[index % SURFACES.length] as Surface;

/** A new key with an id of its own. */
async function made(keyId: string, name: AlgorithmName, more: object = {}): Promise<string> {
  await given("gRPC", generateKey, { keyId, algorithm: algorithmNumber(name), ...more });
  return keyId;
}
const WRAPS = [Usage.WRAP, Usage.UNWRAP];

/** One byte of each part changed, something missing, something too many. */
function* damaged(bytes: Buffer): Generator<Buffer> {
  for (const at of new Set([0, 1, bytes.length >> 1, bytes.length - 1])) yield Buffer.from(bytes.with(at, (bytes[at] ?? 0) ^ 0x01));
  yield bytes.subarray(0, -1);
  yield bytes.subarray(0, -8);
  yield bytes.subarray(8);
  yield Buffer.concat([bytes, Buffer.alloc(8)]);
  yield Buffer.alloc(8);
}

/** `openssl enc` with a wrapping cipher. */
function opensslWrap(way: "-e" | "-d", pad: boolean, key: Buffer, data: Buffer): Buffer {
  const iv = pad ? "A65959A6" : "A6A6A6A6A6A6A6A6";
  return openssl(["enc", way, `-id-aes${key.length * 8}-wrap${pad ? "-pad" : ""}`, "-K", key.toString("hex"), "-iv", iv], {}, data);
}

for (const [name, pad] of [
  ["AES-128-KW", false],
  ["AES-192-KW", false],
  ["AES-256-KW", false],
  ["AES-128-KWP", true],
  ["AES-192-KWP", true],
  ["AES-256-KWP", true],
] as const) {
  test(`${name}: openssl unwraps what we wrap, and we unwrap what it wraps; damage has one answer`, async () => {
    const wrapping = randomBytes(ALGORITHMS[name].sizeBits / 8);
    // Of the wrapping key's own strength: a stronger one does not leave under it.
    const { sizeBits } = ALGORITHMS[name];
    const material = randomBytes(sizeBits / 8);
    const algorithm = algorithmNumber(`AES-${sizeBits}-GCM`);
    const [keyId, target] = [`kek-${name}`, `target-${name}`];
    await given("REST", importKey, { keyId, algorithm: algorithmNumber(name), keyMaterial: wrapping, format: KeyMaterialFormat.RAW });
    await given("gRPC", importKey, {
      keyId: target,
      algorithm,
      keyMaterial: material,
      format: KeyMaterialFormat.RAW,
      exportable: ExportPolicy.WRAPPED,
    });
    const details = new Set<string>();
    for (const surface of SURFACES) {
      const reply = await given(surface, wrapKey, { keyId, targetKeyId: target });
      assert.deepEqual([reply["version"], reply["target_version"], reply["target_key_id"]], [1, 1, target]);
      const wrapped = bytesOf(reply["wrapped_key"]);
      assert.deepEqual(opensslWrap("-d", pad, wrapping, wrapped), material, surface);
      const theirs = opensslWrap("-e", pad, wrapping, material);
      assert.deepEqual(theirs, wrapped, "both are deterministic");
      const asKey = { algorithm, tags: ["unwrapped"] };
      const unwrapped = await given(surface, unwrapKey, { keyId, wrappedKey: theirs, asKey });
      assert.equal(unwrapped["key"].versions[0].local ?? false, false);
      assert.deepEqual(unwrapped["key"].tags, ["unwrapped"]);
      // The same key: it opens what the first one sealed.
      const { ciphertext } = await given(surface, encrypt, { keyId: target, plaintext: material });
      const opened = await given(surface, decrypt, { keyId: unwrapped["key_id"], ciphertext: bytesOf(ciphertext) });
      assert.deepEqual(bytesOf(opened["plaintext"]), material);
      for (const wrong of damaged(theirs)) {
        const answer = await ask(surface, door, unwrapKey, { keyId, wrappedKey: wrong, asKey });
        refusedWith(answer, "DECRYPTION_FAILED", surface);
        details.add(String(answer.detail));
      }
      // Sound, but not the key it is said to be.
      for (const other of [sizeBits === 128 ? "AES-192-GCM" : "AES-128-GCM", "AES-256-XTS", "Ed25519"] as const) {
        const answer = await ask(surface, door, unwrapKey, { keyId, wrappedKey: theirs, asKey: { algorithm: algorithmNumber(other) } });
        refusedWith(answer, "DECRYPTION_FAILED", other);
        details.add(String(answer.detail));
      }
      refusedWith(await ask(surface, door, unwrapKey, { keyId, wrappedKey: theirs, asKey, version: 9 }), "DECRYPTION_FAILED", "version 9");
      refusedWith(
        await ask(surface, door, wrapKey, { keyId, targetKeyId: target, mechanism: WrappingMechanism.RSA_OAEP }),
        "MECHANISM_PARAM_INVALID",
        surface,
      );
    }
    assert.equal(details.size, 1, [...details].join(" | "));
  });
}

/** Slow to make; the others of their families stand for them. */
const SLOW = /^SLH-DSA-.*-(128|192|256)s$|^RSA-4096$/;

test("associated data is authenticated with a key under AES-GCM, as node:crypto does it, and no other way of wrapping takes any", async () => {
  const associatedData = Buffer.from("session 12, until Friday");
  const asKey = { algorithm: algorithmNumber("AES-256-GCM"), exportable: ExportPolicy.PLAIN };
  await made("aad-target", "AES-256-GCM", { exportable: ExportPolicy.PLAIN });
  const plain = bytesOf((await given("REST", exportKey, { keyId: "aad-target", plain: true }))["key_material"]);
  for (const [index, [keyId, name, choice]] of (
    [
      ["aad-gcm", "AES-256-GCM", {}],
      ["aad-any", "AES-256", { mode: KeyMode.GCM }],
    ] as const
  ).entries()) {
    const keyMaterial = randomBytes(32);
    const kek = { keyId, algorithm: algorithmNumber(name), keyMaterial, format: KeyMaterialFormat.RAW, usage: [...WRAPS] };
    await given(surfaceAt(index), importKey, kek);
    for (const surface of SURFACES) {
      const request = { keyId, targetKeyId: "aad-target", associatedData, ...choice };
      const wrappedKey = bytesOf((await given(surface, wrapKey, request))["wrapped_key"]);
      const opening = createDecipheriv("aes-256-gcm", keyMaterial, wrappedKey.subarray(0, 12)).setAAD(associatedData);
      opening.setAuthTag(wrappedKey.subarray(-16));
      assert.deepEqual(Buffer.concat([opening.update(wrappedKey.subarray(12, -16)), opening.final()]), plain);
      const back = { keyId, wrappedKey, asKey, associatedData, ...choice };
      const { key_id: copy } = await given(surface, unwrapKey, back);
      assert.deepEqual(bytesOf((await given(surface, exportKey, { keyId: copy, plain: true }))["key_material"]), plain);
      for (const wrong of [Buffer.alloc(0), associatedData.subarray(1)])
        refusedWith(await ask(surface, door, unwrapKey, { ...back, associatedData: wrong }), "DECRYPTION_FAILED", surface);
      const bare = bytesOf((await given(surface, wrapKey, { ...request, associatedData: Buffer.alloc(0) }))["wrapped_key"]);
      refusedWith(await ask(surface, door, unwrapKey, { ...back, wrappedKey: bare }), "DECRYPTION_FAILED", surface);
    }
  }
  await made("aad-kwp", "AES-256-KWP");
  await made("aad-rsa", "RSA-2048", { usage: WRAPS });
  await made("aad-hpke", "X25519", { usage: WRAPS });
  for (const [keyId, choice] of [
    ["aad-kwp", {}],
    ["aad-any", { mode: KeyMode.KWP }],
    ["aad-rsa", {}],
    ["aad-hpke", {}],
  ] as const) {
    const request = { keyId, targetKeyId: "aad-target", associatedData, ...choice };
    refusedWith(await ask("gRPC", door, wrapKey, request), "MECHANISM_PARAM_INVALID", keyId);
    const back = { keyId, wrappedKey: Buffer.alloc(300), asKey, associatedData, ...choice };
    refusedWith(await ask("gRPC", door, unwrapKey, back), "MECHANISM_PARAM_INVALID", keyId);
  }
});

test("every algorithm's keys go out under AES-KWP, AES-GCM and RSA and come back as they were", async () => {
  await made("all-kwp", "AES-256-KWP");
  await made("all-gcm", "AES-256-GCM", { usage: WRAPS });
  await made("all-rsa", "RSA-3072", { usage: WRAPS });
  for (const [index, name] of ALGORITHM_NAMES.filter((each) => !SLOW.test(each)).entries()) {
    const algorithm = algorithmNumber(name);
    const target = await made(`all-${name}`, name, { exportable: ExportPolicy.PLAIN });
    const plain = await given(surfaceAt(index), exportKey, { keyId: target, plain: true });
    assert.equal(bytesOf(plain["wrapped_key"]).length, 0);
    for (const [at, keyId] of ["all-kwp", "all-gcm", "all-rsa"].entries()) {
      const wrapped = await given(surfaceAt(index + at), wrapKey, { keyId, targetKeyId: target });
      const asKey = { algorithm, exportable: ExportPolicy.PLAIN };
      const back = await given(surfaceAt(index + at + 1), unwrapKey, { keyId, wrappedKey: bytesOf(wrapped["wrapped_key"]), asKey });
      const again = await given(surfaceAt(index + at + 2), exportKey, { keyId: back["key_id"], plain: true });
      assert.equal(again["key_material"], plain["key_material"], `${name} under ${keyId}`);
      const { key } = await given("REST", getKey, { keyId: target });
      if (ALGORITHMS[name].objectClass === "private") assert.notEqual(back["public_key"], "", name);
      assert.equal(key.exportable, "plain");
    }
  }
});

for (const [name, bits] of [
  ["RSA-2048", 2048],
  ["RSA-3072", 3072],
  ["RSA-4096", 4096],
] as const) {
  test(`${name}: BYOK with RSA-AES-KWP and RSA-OAEP as openssl makes it, by ImportKey and UnwrapKey, and export the other way`, async () => {
    const pem = openssl(["genpkey", "-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${bits}`]);
    const keyId = `byok-${name}`;
    const { public_key: publicKey } = await given("REST", importKey, {
      keyId,
      algorithm: algorithmNumber(name),
      keyMaterial: pem,
      format: KeyMaterialFormat.PEM,
      usage: WRAPS,
    });
    const target = openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    const pkcs8 = openssl(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", "{key}"], { key: target });
    const oaep = (md: string): string[] => [
      "-pkeyopt",
      "rsa_padding_mode:oaep",
      "-pkeyopt",
      `rsa_oaep_md:${md}`,
      "-pkeyopt",
      `rsa_mgf1_md:${md}`,
    ];
    const sealOaep = (data: Buffer, md: string): Buffer =>
      openssl(["pkeyutl", "-encrypt", "-pubin", "-inkey", "{key}", "-in", "{data}", ...oaep(md)], { key: publicKey, data });
    const openOaep = (data: Buffer, md: string): Buffer =>
      openssl(["pkeyutl", "-decrypt", "-inkey", "{key}", "-in", "{data}", ...oaep(md)], { key: pem, data });
    const details = new Set<string>();
    for (const [index, md] of (["sha256", "sha384", "sha512"] as const).entries()) {
      const surface = surfaceAt(index);
      const digest = md === "sha256" ? 0 : digestNumber(md === "sha384" ? "SHA-384" : "SHA-512");
      const aes = randomBytes([32, 24, 16][index] as number);
      const wrappedKey = Buffer.concat([sealOaep(aes, md), opensslWrap("-e", true, aes, pkcs8)]);
      // In: a private key and a secret one, by both operations.
      const imported = await given(surface, importKey, {
        algorithm: algorithmNumber("ECDSA-P256"),
        keyMaterial: wrappedKey,
        format: KeyMaterialFormat.PKCS8,
        wrappingKeyId: keyId,
        wrappingDigest: digest,
        wrappingMechanism: WrappingMechanism.RSA_AES_KWP,
        exportable: ExportPolicy.WRAPPED,
      });
      assert.ok(createPublicKey(imported["public_key"]).equals(createPublicKey(createPrivateKey(target))));
      assert.equal(imported["key"].versions[0].local ?? false, false);
      const asKey = { algorithm: algorithmNumber("ECDSA-P256") };
      const unwrapped = await given(surface, unwrapKey, { keyId, wrappedKey, asKey, digest });
      assert.equal(unwrapped["public_key"], imported["public_key"]);
      const secret = randomBytes(32);
      const alone = { keyId, wrappedKey: sealOaep(secret, md), mechanism: WrappingMechanism.RSA_OAEP, digest };
      const hmac = { algorithm: algorithmNumber("HMAC-SHA-256"), exportable: ExportPolicy.WRAPPED };
      const { key_id: hmacId } = await given(surface, unwrapKey, { ...alone, asKey: hmac });
      // Out: the openssl key as recipient of an export, and as the public half of a managed wrapping key.
      for (const [out, format] of [
        [await given(surface, exportKey, { keyId: imported["key_id"], recipientPublicKey: publicKey, digest }), pkcs8],
        [await given(surface, wrapKey, { keyId, targetKeyId: imported["key_id"], digest }), pkcs8],
        [await given(surface, wrapKey, { keyId, targetKeyId: hmacId, digest }), secret],
      ] as const) {
        const wrapped = bytesOf(out["wrapped_key"]);
        const inner = openOaep(wrapped.subarray(0, bits / 8), md);
        assert.equal(inner.length, 32);
        const material = opensslWrap("-d", true, inner, wrapped.subarray(bits / 8));
        if (format === secret) assert.deepEqual(material, secret);
        else assert.ok(createPrivateKey({ key: material, format: "der", type: "pkcs8" }).equals(createPrivateKey(target)));
      }
      const small = await given(surface, exportKey, {
        keyId: hmacId,
        recipientPublicKey: publicKey,
        mechanism: WrappingMechanism.RSA_OAEP,
        digest,
      });
      assert.deepEqual(openOaep(bytesOf(small["wrapped_key"]), md), secret);
      // Damage, in either half, by the wrong digest or the wrong scheme: one answer.
      const wrong: object[] = [...damaged(wrappedKey)].map((bytes) => ({ keyId, wrappedKey: bytes, asKey, digest }));
      wrong.push(
        { keyId, wrappedKey: wrappedKey.with(bits / 8 + 3, (wrappedKey[bits / 8 + 3] ?? 0) ^ 4), asKey, digest },
        { keyId, wrappedKey, asKey, digest: digestNumber("SHA3-256") },
        { keyId, wrappedKey, asKey, digest, mechanism: WrappingMechanism.RSA_OAEP },
        { ...alone, asKey, digest },
        { keyId, wrappedKey: Buffer.concat([sealOaep(randomBytes(20), md), wrappedKey.subarray(bits / 8)]), asKey, digest },
      );
      for (const request of wrong) {
        const answer = await ask(surface, door, unwrapKey, request as never);
        refusedWith(answer, "DECRYPTION_FAILED", surface);
        details.add(String(answer.detail));
      }
    }
    assert.equal(details.size, 1, [...details].join(" | "));
  });
}

/** Keys that HPKE knows, and how openssl makes one. */
const HPKE_KEYS: readonly (readonly [AlgorithmName, ...string[]])[] = [
  ["X25519", "-algorithm", "X25519"],
  ["X448", "-algorithm", "X448"],
  ["ECDH-P256", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  ["ECDH-P384", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  ["ECDH-P521", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
];

for (const [name, ...args] of HPKE_KEYS) {
  test(`${name}: a key goes out and comes in by HPKE, which HpkeOpen and HpkeSeal of another key understand`, async () => {
    const algorithm = algorithmNumber(name);
    const pem = openssl(["genpkey", ...args]);
    const [ordinary, unwrapping] = [`hpke-${name}`, `hpke-unwrap-${name}`];
    const imported = { algorithm, keyMaterial: pem, format: KeyMaterialFormat.PEM };
    // The same key twice: as one that opens messages, and as one that wraps and unwraps keys.
    const { public_key: publicKey } = await given("REST", importKey, { ...imported, keyId: ordinary });
    await given("REST", importKey, { ...imported, keyId: unwrapping, usage: WRAPS });
    const secret = randomBytes(32);
    const target = `hpke-target-${name}`;
    const hmac = algorithmNumber("HMAC-SHA-256");
    await given("REST", importKey, {
      keyId: target,
      algorithm: hmac,
      keyMaterial: secret,
      format: KeyMaterialFormat.RAW,
      exportable: ExportPolicy.WRAPPED,
    });
    const details = new Set<string>();
    for (const surface of SURFACES) {
      const out = await given(surface, exportKey, { keyId: target, recipientPublicKey: publicKey });
      assert.match(String(out["mechanism"]), /hpke/i);
      const under = await given(surface, wrapKey, { keyId: unwrapping, targetKeyId: target, mechanism: WrappingMechanism.HPKE });
      for (const { wrapped_key: wrapped } of [out, under]) {
        const opened = await given(surface, hpkeOpen, { keyId: ordinary, ciphertext: bytesOf(wrapped) });
        assert.deepEqual(bytesOf(opened["plaintext"]), secret, surface);
        refusedWith(await ask(surface, door, hpkeOpen, { keyId: unwrapping, ciphertext: bytesOf(wrapped) }), "KEY_USAGE_FORBIDS", surface);
      }
      const sealed = await given(surface, hpkeSeal, { keyId: ordinary, plaintext: secret });
      const wrappedKey = Buffer.concat([bytesOf(sealed["encapsulated_key"]), bytesOf(sealed["ciphertext"])]);
      const asKey = { algorithm: hmac };
      await given(surface, unwrapKey, { keyId: unwrapping, wrappedKey, asKey });
      await given(surface, importKey, {
        algorithm: hmac,
        keyMaterial: wrappedKey,
        format: KeyMaterialFormat.RAW,
        wrappingKeyId: unwrapping,
        wrappingMechanism: WrappingMechanism.HPKE,
      });
      for (const wrong of damaged(wrappedKey)) {
        const answer = await ask(surface, door, unwrapKey, { keyId: unwrapping, wrappedKey: wrong, asKey });
        refusedWith(answer, "DECRYPTION_FAILED", surface);
        details.add(String(answer.detail));
      }
      const oaep = { keyId: unwrapping, wrappedKey, asKey, mechanism: WrappingMechanism.RSA_OAEP };
      refusedWith(await ask(surface, door, unwrapKey, oaep), "MECHANISM_PARAM_INVALID", surface);
    }
    assert.equal(details.size, 1, [...details].join(" | "));
  });
}

test("what may leave is the key's policy, said when it was made; the default is that nothing may", async () => {
  await made("policy-kek", "AES-256-KWP");
  const recipient = openssl(["pkey", "-pubout", "-in", "{key}"], { key: openssl(["genpkey", "-algorithm", "RSA"]) }).toString();
  const ids: [string, object, string, string][] = [
    ["policy-default", {}, "KEY_NOT_EXTRACTABLE", "KEY_NOT_EXTRACTABLE"],
    ["policy-never", { exportable: ExportPolicy.NEVER }, "KEY_NOT_EXTRACTABLE", "KEY_NOT_EXTRACTABLE"],
    ["policy-wrapped", { exportable: ExportPolicy.WRAPPED }, "OK", "KEY_NOT_EXTRACTABLE"],
    ["policy-plain", { exportable: ExportPolicy.PLAIN }, "OK", "OK"],
  ];
  for (const [keyId, more, wrapped, plain] of ids) {
    await made(keyId, "AES-256-GCM", more);
    for (const surface of SURFACES) {
      refusedWith(await ask(surface, door, wrapKey, { keyId: "policy-kek", targetKeyId: keyId }), wrapped, `${keyId} wrapped`);
      refusedWith(await ask(surface, door, exportKey, { keyId, recipientPublicKey: recipient }), wrapped, `${keyId} exported`);
      refusedWith(await ask(surface, door, exportKey, { keyId, plain: true }), plain, `${keyId} in plain`);
    }
  }
  const { key } = await given("REST", getKey, { keyId: "policy-wrapped" });
  assert.equal(key.exportable, "wrapped");
  await given("REST", deleteKey, { keyId: "policy-plain" });
  for (const surface of SURFACES) {
    refusedWith(await ask(surface, door, exportKey, { keyId: "policy-plain", plain: true }), "KEY_STATE_FORBIDS", "destroyed");
    refusedWith(await ask(surface, door, wrapKey, { keyId: "policy-kek", targetKeyId: "policy-plain" }), "KEY_STATE_FORBIDS", "destroyed");
    refusedWith(await ask(surface, door, wrapKey, { keyId: "policy-kek", targetKeyId: "none" }), "OBJECT_NOT_FOUND", "no target");
    refusedWith(await ask(surface, door, wrapKey, { keyId: "policy-kek", targetKeyId: "policy-kek" }), "INVALID_REQUEST", "itself");
    refusedWith(
      await ask(surface, door, wrapKey, { keyId: "policy-kek", targetKeyId: "policy-wrapped", targetVersion: 7 }),
      "OBJECT_NOT_FOUND",
      "no such version",
    );
  }
});

test("a named version is what leaves, and a rotated wrapping key still unwraps what it wrapped", async () => {
  await made("versions-kek", "AES-256-GCM", { usage: WRAPS });
  await made("versions-target", "HMAC-SHA-256", { exportable: ExportPolicy.PLAIN });
  const first = (await given("REST", exportKey, { keyId: "versions-target", plain: true }))["key_material"];
  const old = bytesOf((await given("REST", wrapKey, { keyId: "versions-kek", targetKeyId: "versions-target" }))["wrapped_key"]);
  await given("REST", rotateKey, { keyId: "versions-target" });
  await given("REST", rotateKey, { keyId: "versions-kek" });
  for (const surface of SURFACES) {
    const named = await given(surface, exportKey, { keyId: "versions-target", version: 1, plain: true });
    assert.equal(named["key_material"], first);
    const current = await given(surface, exportKey, { keyId: "versions-target", plain: true });
    assert.notEqual(current["key_material"], first);
    assert.equal(current["version"], 2);
    const asKey = { algorithm: algorithmNumber("HMAC-SHA-256"), exportable: ExportPolicy.PLAIN };
    const request = { keyId: "versions-kek", wrappedKey: old, asKey };
    refusedWith(
      await ask(surface, door, unwrapKey, { ...request, version: 2 }),
      "DECRYPTION_FAILED",
      "the current version did not wrap it",
    );
    for (const version of [0, 1]) {
      const { key_id: keyId } = await given(surface, unwrapKey, { ...request, version });
      assert.equal((await given(surface, exportKey, { keyId, plain: true }))["key_material"], first);
    }
    const material = { keyMaterial: old, format: KeyMaterialFormat.RAW, wrappingKeyId: "versions-kek" };
    for (const wrappingVersion of [0, 1])
      await given(surface, importKey, { algorithm: asKey.algorithm, exportable: asKey.exportable, ...material, wrappingVersion });
    refusedWith(
      await ask(surface, door, importKey, { algorithm: asKey.algorithm, ...material, wrappingVersion: 2 }),
      "DECRYPTION_FAILED",
      "nor here",
    );
    const changed = { ...request, wrappedKey: old.with(old.length - 1, (old.at(-1) ?? 0) ^ 1) };
    refusedWith(await ask(surface, door, unwrapKey, changed), "DECRYPTION_FAILED", "no version wrapped it");
    const wrapped = await given(surface, wrapKey, { keyId: "versions-kek", targetKeyId: "versions-target", targetVersion: 1 });
    assert.deepEqual([wrapped["version"], wrapped["target_version"]], [2, 1]);
  }
});

test("a key that wraps does nothing else, and is made so only when it is asked for", async () => {
  for (const surface of SURFACES) {
    for (const [name, usage] of [
      ["AES-256-GCM", [Usage.WRAP, Usage.DECRYPT]],
      ["AES-256-GCM", [Usage.UNWRAP, Usage.ENCRYPT]],
      ["AES-256-GCM", [Usage.UNWRAP, Usage.WRAP_DATA_KEY]],
      ["RSA-2048", [Usage.UNWRAP, Usage.DECRYPT]],
      ["RSA-2048", [Usage.WRAP, Usage.SIGN]],
    ] as const)
      refusedWith(
        await ask(surface, door, generateKey, { algorithm: algorithmNumber(name), usage: [...usage] }),
        "INVALID_REQUEST",
        `${name} ${usage.join()}`,
      );
    for (const name of ["AES-256-GCM", "RSA-2048"] as const) {
      const { key, key_id: keyId } = await given(surface, generateKey, { algorithm: algorithmNumber(name) });
      assert.ok(!JSON.stringify(key.usage).toLowerCase().includes("unwrap"), name);
      refusedWith(
        await ask(surface, door, unwrapKey, { keyId, wrappedKey: Buffer.alloc(300), asKey: { algorithm: 1 } }),
        "KEY_USAGE_FORBIDS",
        name,
      );
    }
  }
  // What was wrapped is no ciphertext of Decrypt's, and the wrapping key does not decrypt.
  await made("alone", "AES-256-GCM", { usage: WRAPS });
  await made("alone-target", "AES-256-GCM", { exportable: ExportPolicy.WRAPPED });
  const wrapped = bytesOf((await given("REST", wrapKey, { keyId: "alone", targetKeyId: "alone-target" }))["wrapped_key"]);
  refusedWith(await ask("REST", door, decrypt, { keyId: "alone", ciphertext: wrapped }), "KEY_USAGE_FORBIDS", "decrypt");
});

test("a key does not go under one that may leave in plain, unless it may itself", async () => {
  await made("loose", "AES-256-KWP", { exportable: ExportPolicy.PLAIN });
  await made("strict-target", "AES-256-GCM", { exportable: ExportPolicy.WRAPPED });
  await made("loose-target", "AES-256-GCM", { exportable: ExportPolicy.PLAIN });
  for (const surface of SURFACES) {
    refusedWith(await ask(surface, door, wrapKey, { keyId: "loose", targetKeyId: "strict-target" }), "KEY_NOT_EXTRACTABLE", surface);
    await given(surface, wrapKey, { keyId: "loose", targetKeyId: "loose-target" });
  }
});

test("letting keys out needs its permissions, and so does taking wrapped ones in", async () => {
  await made("may-kek", "AES-256-KWP");
  await made("may-target", "AES-256-GCM", { exportable: ExportPolicy.PLAIN });
  const wrappedKey = bytesOf((await given("REST", wrapKey, { keyId: "may-kek", targetKeyId: "may-target" }))["wrapped_key"]);
  const recipient = openssl(["pkey", "-pubout", "-in", "{key}"], { key: openssl(["genpkey", "-algorithm", "RSA"]) }).toString();
  const asKey = { algorithm: algorithmNumber("AES-256-GCM") };
  for (const surface of SURFACES) {
    await given(surface, wrapKey, { keyId: "may-kek", targetKeyId: "may-target" }, keyAdmin);
    await given(surface, exportKey, { keyId: "may-target", recipientPublicKey: recipient }, keyAdmin);
    refusedWith(await ask(surface, keyAdmin, exportKey, { keyId: "may-target", plain: true }), "PERMISSION_DENIED", "plain");
    refusedWith(await ask(surface, operator, wrapKey, { keyId: "may-kek", targetKeyId: "may-target" }), "PERMISSION_DENIED", "wrap");
    refusedWith(
      await ask(surface, operator, exportKey, { keyId: "may-target", recipientPublicKey: recipient }),
      "PERMISSION_DENIED",
      "export",
    );
    await given(surface, unwrapKey, { keyId: "may-kek", wrappedKey, asKey }, operator);
  }
});

test("the recipient of an export must be one public key worth using, and nothing else in PEM", async () => {
  await made("recipient-target", "AES-256-GCM", { exportable: ExportPolicy.PLAIN });
  const keyOf = (...args: string[]): Buffer => openssl(["genpkey", ...args]);
  const publicOf = (key: Buffer): string => openssl(["pkey", "-pubout", "-in", "{key}"], { key }).toString();
  const rsa = keyOf("-algorithm", "RSA");
  const wrong: Record<string, string> = {
    "no PEM": "recipient",
    "a private key": rsa.toString(),
    "two keys": publicOf(rsa) + publicOf(rsa),
    "1024 bits": publicOf(keyOf("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")),
    Ed25519: publicOf(keyOf("-algorithm", "ed25519")),
    "exponent 3": publicOf(keyOf("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3")),
    secp256k1: publicOf(keyOf("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1")),
    "a point of small order": createPublicKey({
      key: { kty: "OKP", crv: "X25519", x: Buffer.alloc(32).toString("base64url") },
      format: "jwk",
    }).export({ format: "pem", type: "spki" }) as string,
    "cut short": publicOf(rsa).replace(/\n[A-Za-z0-9+/]{64}\n/, "\n"),
  };
  for (const surface of SURFACES) {
    for (const [what, recipientPublicKey] of Object.entries(wrong))
      refusedWith(await ask(surface, door, exportKey, { keyId: "recipient-target", recipientPublicKey }), "INVALID_REQUEST", what);
    refusedWith(await ask(surface, door, exportKey, { keyId: "recipient-target" }), "INVALID_REQUEST", "neither");
    refusedWith(
      await ask(surface, door, exportKey, { keyId: "recipient-target", plain: true, recipientPublicKey: publicOf(rsa) }),
      "INVALID_REQUEST",
      "both",
    );
    refusedWith(
      await ask(surface, door, exportKey, { keyId: "recipient-target", plain: true, mechanism: WrappingMechanism.RSA_OAEP }),
      "MECHANISM_PARAM_INVALID",
      "plain with a mechanism",
    );
  }
});

test("an unwrapped key takes the attributes and the state that are named, and was never the vault's alone", async () => {
  await made("attributes-kek", "AES-256-KWP");
  await made("attributes-target", "AES-256-GCM", { exportable: ExportPolicy.WRAPPED });
  const { wrapped_key: wrapped } = await given("REST", wrapKey, { keyId: "attributes-kek", targetKeyId: "attributes-target" });
  const before = await given("REST", getKey, { keyId: "attributes-target" });
  assert.equal(before["key"].attributes.always_sensitive, true);
  for (const surface of SURFACES) {
    const { key } = await given(surface, unwrapKey, {
      keyId: "attributes-kek",
      wrappedKey: bytesOf(wrapped),
      asKey: { algorithm: algorithmNumber("AES-256-GCM"), exportable: ExportPolicy.NEVER, description: "from elsewhere" },
      attributes: { label: "unwrapped", objectId: Buffer.from("01", "hex") },
      state: KeyState.PRE_ACTIVATION,
    });
    const { attributes } = (await given("REST", getKey, { keyId: key.key_id }))["key"];
    assert.equal(attributes.label, "unwrapped");
    assert.deepEqual([attributes.always_sensitive ?? false, attributes.never_extractable ?? false], [false, false]);
    const refused = await ask(surface, door, encrypt, { keyId: key.key_id, plaintext: Buffer.from("x") });
    refusedWith(refused, "KEY_STATE_FORBIDS", "staged");
  }
});

test("the log names both keys of a wrapping", async () => {
  await made("log-kek", "AES-256-KWP");
  await made("log-target", "AES-256-GCM", { exportable: ExportPolicy.WRAPPED });
  const { wrapped_key: wrapped } = await given("REST", wrapKey, { keyId: "log-kek", targetKeyId: "log-target" });
  const asKey = { keyId: "log-unwrapped", algorithm: algorithmNumber("AES-256-GCM") };
  await given("REST", unwrapKey, { keyId: "log-kek", wrappedKey: bytesOf(wrapped), asKey });
  const { events } = await given("REST", getAuditLog, { keyId: "log-kek" });
  const told = (events as Reply[]).map(({ action, other_key_id: other }) => [action, other ?? ""]);
  assert.deepEqual(told, [
    ["GenerateKey", ""],
    ["WrapKey", "log-target"],
    ["UnwrapKey", "log-unwrapped"],
  ]);
});

test("the log says which requests needed more than their operation does: a plain export, a nonce of one's own", async () => {
  await made("log-plain", "AES-256-GCM", { exportable: ExportPolicy.PLAIN });
  const nonce = randomBytes(12);
  await given("REST", exportKey, { keyId: "log-plain", plain: true });
  refusedWith(await ask("REST", keyAdmin, exportKey, { keyId: "log-plain", plain: true }), "PERMISSION_DENIED", "refused");
  await given("REST", encrypt, { keyId: "log-plain", plaintext: nonce });
  await given("REST", encrypt, { keyId: "log-plain", plaintext: nonce, nonce });
  await given("REST", batch, { items: [{ operation: { case: "encrypt", value: { keyId: "log-plain", plaintext: nonce, nonce } } }] });
  const { events } = await given("REST", getAuditLog, { keyId: "log-plain" });
  const told = (events as Reply[]).map(({ canonical, outcome }) => [outcome, (JSON.parse(canonical) as Reply)["demands"]]);
  assert.deepEqual(told, [
    ["OK", undefined],
    ["OK", ["key:export_plain"]],
    ["PERMISSION_DENIED", ["key:export_plain"]],
    ["OK", undefined],
    ["OK", ["crypto:caller_nonce"]],
    ["OK", undefined], // the batch, whose item says it
  ]);
  const { events: batches } = await given("REST", getAuditLog, { action: "Batch", order: SortOrder.NEWEST_FIRST, pageSize: 1 });
  const [newest] = batches as Reply[];
  assert.deepEqual((JSON.parse(newest?.["canonical"]) as Reply)["items"][0].demands, ["crypto:caller_nonce"]);
});

test("RewrapData: the newest version of the key, or another key, and the plaintext in no reply", async () => {
  const secret = Buffer.from("the plaintext that stays in the vault");
  const associatedData = Buffer.from("context");
  await made("rewrap", "AES-256-GCM");
  await made("rewrap-other", "ChaCha20-Poly1305");
  const { ciphertext } = await given("REST", encrypt, { keyId: "rewrap", plaintext: secret, associatedData });
  await given("REST", rotateKey, { keyId: "rewrap" });
  const request = { keyId: "rewrap", ciphertext: bytesOf(ciphertext), associatedData };
  const service = { ...operator, token: await mint(server.credential("token-key.pem"), { roles: ["Service"] }) };
  for (const surface of SURFACES) {
    const anew = await given(surface, rewrapData, request, service);
    assert.deepEqual([anew["version"], anew["source_version"], anew["key_id"]], [2, 1, "rewrap"]);
    assert.ok(!JSON.stringify(anew).includes(secret.toString("base64").slice(0, 20)));
    const opened = await given(surface, decrypt, { keyId: "rewrap", ciphertext: bytesOf(anew["ciphertext"]), associatedData });
    assert.deepEqual([bytesOf(opened["plaintext"]), opened["version"]], [secret, 2]);
    const moved = await given(surface, rewrapData, { ...request, targetKeyId: "rewrap-other" });
    assert.equal(moved["key_id"], "rewrap-other");
    const there = await given(surface, decrypt, { keyId: "rewrap-other", ciphertext: bytesOf(moved["ciphertext"]), associatedData });
    assert.deepEqual(bytesOf(there["plaintext"]), secret);
    for (const wrong of damaged(bytesOf(ciphertext)))
      refusedWith(await ask(surface, door, rewrapData, { ...request, ciphertext: wrong }), "DECRYPTION_FAILED", surface);
    refusedWith(await ask(surface, door, rewrapData, { ...request, associatedData: secret }), "DECRYPTION_FAILED", surface);
    refusedWith(await ask(surface, door, rewrapData, { ...request, targetKeyId: "none" }), "OBJECT_NOT_FOUND", surface);
    refusedWith(await ask(surface, keyAdmin, rewrapData, request), "PERMISSION_DENIED", surface);
  }
  const items = [
    { operation: { case: "rewrapData" as const, value: request } },
    { operation: { case: "rewrapData" as const, value: { ...request, ciphertext: Buffer.alloc(40) } } },
  ];
  const { results } = await given("gRPC", batch, { items });
  assert.equal(results[0].rewrap_data.version, 2);
  assert.equal(results[1].error.code, "DECRYPTION_FAILED");
  // RSA has its label and its digest.
  await made("rewrap-rsa", "RSA-2048");
  const sha384 = digestNumber("SHA-384");
  const rsa = await given("REST", encrypt, { keyId: "rewrap-rsa", plaintext: secret, associatedData, digest: sha384 });
  const fromRsa = { keyId: "rewrap-rsa", ciphertext: bytesOf(rsa["ciphertext"]), associatedData, digest: sha384 };
  const out = await given("REST", rewrapData, { ...fromRsa, targetKeyId: "rewrap" });
  assert.deepEqual(
    bytesOf((await given("REST", decrypt, { keyId: "rewrap", ciphertext: bytesOf(out["ciphertext"]), associatedData }))["plaintext"]),
    secret,
  );
});
