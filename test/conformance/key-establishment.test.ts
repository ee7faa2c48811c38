/**
 * Shared secrets through every door: what one surface makes, another takes apart, and a stranger (noble's own
 * implementations, the openssl command) agrees with both.
 *
 * Long, because every way to a shared secret is walked over the same surfaces and ends in the same kinds of keys.
 */
import assert from "node:assert/strict";
import {
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { test } from "node:test";
import { blake3 } from "@noble/hashes/blake3.js";
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import {
  Algorithm,
  CiphertextFormat,
  Digest,
  HpkeAead,
  HpkeKdf,
  Kdf,
  KeyMaterialFormat,
  Usage,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { agreeKey } from "@keystead/contract/operations/agree-key";
import { decapsulate } from "@keystead/contract/operations/decapsulate";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { encapsulate } from "@keystead/contract/operations/encapsulate";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { hpkeOpen } from "@keystead/contract/operations/hpke-open";
import { hpkeSeal } from "@keystead/contract/operations/hpke-seal";
import { importKey } from "@keystead/contract/operations/import-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { verifyMac } from "@keystead/contract/operations/verify-mac";
import { openssl } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Answer, type Surface } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);

type Request = Parameters<typeof ask>[3];

async function refused(code: string, surface: Surface, operation: Parameters<typeof ask>[2], request: Request): Promise<Answer> {
  const answer = await ask(surface, here.door, operation, request as never);
  assert.ok(!answer.ok && answer.code === code, `${operation.name} over ${surface}: expected ${code}, got ${answer.code} ${answer.detail}`);
  return answer;
}

const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const MESSAGE = Buffer.from("one secret, two holders");
let numbered = 0;
const fresh = (what: string): string => `${what}-${(numbered += 1)}`;
/** The surface after this one: what one makes, another takes. */
const next = (surface: Surface): Surface => SURFACES[(SURFACES.indexOf(surface) + 1) % SURFACES.length] as Surface;

const ML_KEM = [
  ["ML-KEM-512", Algorithm.MlKem512, ml_kem512],
  ["ML-KEM-768", Algorithm.MlKem768, ml_kem768],
  ["ML-KEM-1024", Algorithm.MlKem1024, ml_kem1024],
] as const;

for (const [name, algorithm, noble] of ML_KEM) {
  test(`${name}: what noble encapsulates every surface decapsulates, and the other way round`, async () => {
    const seed = randomBytes(64);
    const theirs = noble.keygen(seed);
    const keyId = fresh("kem");
    const imported = await given("REST", importKey, { keyId, algorithm, keyMaterial: seed, format: KeyMaterialFormat.RAW });
    const raw = createPublicKey(imported["public_key"]).export({ format: "raw-public" });
    assert.deepEqual(raw, Buffer.from(theirs.publicKey), "one seed, one public half");
    for (const surface of SURFACES) {
      const made = noble.encapsulate(raw);
      const taken = await given(surface, decapsulate, { keyId, ciphertext: made.cipherText, asBytes: true });
      assert.deepEqual(bytesOf(taken["secret"]), Buffer.from(made.sharedSecret), surface);
      const ours = await given(surface, encapsulate, { keyId, asBytes: true });
      assert.deepEqual(Buffer.from(noble.decapsulate(bytesOf(ours["ciphertext"]), theirs.secretKey)), bytesOf(ours["secret"]), surface);
      // Implicit rejection: the same wrong secret as everybody else's, and no error.
      const wrong = Buffer.from(made.cipherText).fill(0x55, 0, 64);
      const rejected = await given(surface, decapsulate, { keyId, ciphertext: wrong, asBytes: true });
      assert.deepEqual(bytesOf(rejected["secret"]), Buffer.from(noble.decapsulate(wrong, theirs.secretKey)), surface);
      assert.notEqual(rejected["secret"], taken["secret"]);
    }
  });

  test(`${name}: two holders of one secret have the same managed key, which nobody has seen`, async () => {
    const keyId = fresh("kem");
    await given("gRPC", generateKey, { keyId, algorithm });
    for (const surface of SURFACES) {
      const [mine, yours] = [fresh("mine"), fresh("yours")];
      const template = { algorithm: Algorithm.HmacSha256, usage: [Usage.MAC], tags: ["session"], description: "of a test" };
      const made = await given(surface, encapsulate, { keyId, asKey: { ...template, keyId: mine } });
      assert.equal(made["secret"], "", "no bytes leave beside the key");
      assert.deepEqual(
        [
          made["key"].versions[0].derived_from,
          made["key"].key_id,
          made["key"].usage,
          made["key"].tags,
          made["key"].description,
          made["key"].versions[0].local ?? false,
        ],
        [`${keyId}@v1`, mine, surface === "REST" ? ["mac"] : ["USAGE_MAC"], ["session"], "of a test", false],
      );
      const ciphertext = bytesOf(made["ciphertext"]);
      await given(next(surface), decapsulate, { keyId, ciphertext, asKey: { ...template, keyId: yours } });
      const { secret } = await given(next(surface), decapsulate, { keyId, ciphertext, asBytes: true });
      const expected = createHmac("sha256", bytesOf(secret)).update(MESSAGE).digest();
      for (const each of [mine, yours])
        assert.deepEqual(bytesOf((await given(surface, generateMac, { keyId: each, data: MESSAGE }))["mac"]), expected, surface);
      assert.equal((await given(surface, getKey, { keyId: mine }))["key"].version, 1);
    }
  });
}

test("after a rotation an old version still decapsulates when it is named, and encapsulation is for the new one", async () => {
  const keyId = fresh("turning");
  await given("REST", generateKey, { keyId, algorithm: Algorithm.MlKem768 });
  const old = await given("REST", encapsulate, { keyId, asBytes: true });
  await given("REST", rotateKey, { keyId });
  for (const surface of SURFACES) {
    const ciphertext = bytesOf(old["ciphertext"]);
    const named = await given(surface, decapsulate, { keyId, ciphertext, version: 1, asBytes: true });
    assert.deepEqual([named["secret"], named["version"]], [old["secret"], 1]);
    const current = await given(surface, decapsulate, { keyId, ciphertext, asBytes: true });
    assert.equal(current["version"], 2);
    assert.notEqual(current["secret"], old["secret"]);
    assert.equal((await given(surface, encapsulate, { keyId, asBytes: true }))["version"], 2);
  }
});

test("a request that does not say what becomes of the secret, or says both, gets none; nor does a key it does not fit", async () => {
  const keyId = fresh("kem");
  await given("REST", generateKey, { keyId, algorithm: Algorithm.MlKem512 });
  const { ciphertext: text } = await given("REST", encapsulate, { keyId, asBytes: true });
  const ciphertext = bytesOf(text);
  const asKey = { algorithm: Algorithm.Aes256Gcm };
  for (const surface of SURFACES) {
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId });
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asBytes: true, asKey });
    await refused("INVALID_REQUEST", surface, decapsulate, { keyId, ciphertext });
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asKey: {} });
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asKey: { ...asKey, usage: [Usage.SIGN] } });
    await refused("MECHANISM_PARAM_INVALID", surface, encapsulate, { keyId, asKey: { algorithm: Algorithm.Aes128Gcm } });
    await refused("MECHANISM_PARAM_INVALID", surface, encapsulate, { keyId, asKey: { algorithm: Algorithm.Ed25519 } });
    await refused("MECHANISM_PARAM_INVALID", surface, decapsulate, { keyId, ciphertext: ciphertext.subarray(1), asBytes: true });
    await refused("OBJECT_EXISTS", surface, encapsulate, { keyId, asKey: { ...asKey, keyId } });
    await refused("OBJECT_NOT_FOUND", surface, decapsulate, { keyId, ciphertext, version: 9, asBytes: true });
  }
});

// ---- agreement ----

const AGREEMENT = [
  ["X25519", Algorithm.X25519, ["-algorithm", "X25519"]],
  ["X448", Algorithm.X448, ["-algorithm", "X448"]],
  ["ECDH-P256", Algorithm.EcdhP256, ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]],
  ["ECDH-P384", Algorithm.EcdhP384, ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]],
  ["ECDH-P521", Algorithm.EcdhP521, ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]],
  ["ECDH-secp256k1", Algorithm.EcdhSecp256k1, ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]],
] as const;

for (const [name, algorithm, genpkey] of AGREEMENT) {
  test(`${name}: the openssl command comes to the same secret as every surface, and to the same key behind each derivation`, async () => {
    const keyId = fresh("agree");
    const { public_key: mine } = await given("REST", generateKey, { keyId, algorithm });
    const theirs = openssl(["genpkey", ...genpkey]);
    const theirPublic = openssl(["pkey", "-pubout", "-in", "{key}"], { key: theirs });
    const shared = openssl(["pkeyutl", "-derive", "-inkey", "{key}", "-peerkey", "{peer}"], { key: theirs, peer: mine });
    const peer = createPublicKey(theirPublic);
    const forms = [
      theirPublic,
      peer.export({ format: "der", type: "spki" }),
      Buffer.from(JSON.stringify(peer.export({ format: "jwk" }))),
      peer.export({ format: "raw-public" }),
      ...(name.startsWith("ECDH") ? [peer.export({ format: "raw-public", type: "compressed" })] : []),
    ];
    for (const [index, peerPublicKey] of forms.entries()) {
      const surface = SURFACES[index] as Surface;
      const { secret } = await given(surface, agreeKey, { keyId, peerPublicKey, asBytes: true });
      assert.deepEqual(bytesOf(secret), shared, `${surface}, form ${index}`);
    }
    const info = Buffer.from("session 7");
    const [hexSecret, hexInfo] = [shared.toString("hex"), info.toString("hex")];
    const expected = [
      [Kdf.HKDF, ["digest:SHA384", `hexkey:${hexSecret}`, "hexsalt:73616c74", `hexinfo:${hexInfo}`], "HKDF", Buffer.from("salt")],
      [Kdf.X963, ["digest:SHA384", `hexsecret:${hexSecret}`, `hexinfo:${hexInfo}`], "X963KDF", Buffer.alloc(0)],
      [Kdf.ONE_STEP, ["digest:SHA384", `hexsecret:${hexSecret}`, `hexinfo:${hexInfo}`], "SSKDF", Buffer.alloc(0)],
    ] as const;
    for (const [at, [kdf, options, command, salt]] of expected.entries()) {
      const key = openssl(["kdf", "-binary", "-keylen", "64", ...options.flatMap((option) => ["-kdfopt", option]), command]);
      const surface = SURFACES[at] as Surface;
      const derived = fresh("derived");
      await given(surface, agreeKey, {
        keyId,
        peerPublicKey: theirPublic,
        derivation: { function: kdf, digest: Digest.Sha384, info, salt },
        asKey: { keyId: derived, algorithm: Algorithm.HmacSha512 },
      });
      assert.deepEqual(
        bytesOf((await given(next(surface), generateMac, { keyId: derived, data: MESSAGE }))["mac"]),
        createHmac("sha512", key).update(MESSAGE).digest(),
        command,
      );
    }
  });

  test(`${name}: a peer that is no sound key of the curve is refused with one answer, and a bare secret becomes no key that is used as it is`, async () => {
    const keyId = fresh("agree");
    const { public_key: mine } = await given("REST", generateKey, { keyId, algorithm });
    const raw = createPublicKey(mine).export({ format: "raw-public" });
    const other = name === "X25519" ? generateKeyPairSync("x448") : generateKeyPairSync("x25519");
    const offCurve = Buffer.from(raw.with(raw.length - 1, (raw.at(-1) ?? 0) ^ 1));
    const wrong: Buffer[] = [
      Buffer.from("x"),
      raw.subarray(1),
      Buffer.from(other.publicKey.export({ format: "pem", type: "spki" })),
      Buffer.from(other.privateKey.export({ format: "pem", type: "pkcs8" })),
      ...(name.startsWith("ECDH") ? [offCurve] : [Buffer.alloc(raw.length)]),
    ];
    const details = new Set<unknown>();
    for (const [index, peerPublicKey] of wrong.entries()) {
      const surface = SURFACES[index % SURFACES.length] as Surface;
      details.add((await refused("MECHANISM_PARAM_INVALID", surface, agreeKey, { keyId, peerPublicKey, asBytes: true })).detail);
    }
    assert.equal(details.size, 1);
    const asKey = { algorithm: Algorithm.Aes256Gcm };
    const derivation = { function: Kdf.HKDF };
    for (const surface of SURFACES) {
      await refused("INVALID_REQUEST", surface, agreeKey, { keyId, peerPublicKey: raw, asKey });
      const short = { algorithm: Algorithm.GenericSecret, sizeBytes: 16 };
      await refused("MECHANISM_PARAM_INVALID", surface, agreeKey, { keyId, peerPublicKey: raw, asKey: short });
      await refused("INVALID_REQUEST", surface, agreeKey, { keyId, peerPublicKey: raw, asBytes: true, derivation });
      await refused("INVALID_REQUEST", surface, agreeKey, { keyId, peerPublicKey: raw, derivation });
      const forPasswords = { function: Kdf.ARGON2ID, salt: Buffer.alloc(16) };
      await refused("MECHANISM_PARAM_INVALID", surface, agreeKey, { keyId, peerPublicKey: raw, asKey, derivation: forPasswords });
      const unread = { ...derivation, label: Buffer.from("x") };
      await refused("MECHANISM_PARAM_INVALID", surface, agreeKey, { keyId, peerPublicKey: raw, asKey, derivation: unread });
    }
  });
}

// ---- DHKEM: what RFC 9180 calls encapsulation on these curves ----

for (const [name, algorithm] of AGREEMENT.slice(0, 5)) {
  test(`${name}: what is encapsulated to its key by DHKEM is decapsulated on every surface`, async () => {
    const keyId = fresh("dhkem");
    await given("REST", generateKey, { keyId, algorithm });
    for (const surface of SURFACES) {
      const made = await given(surface, encapsulate, { keyId, asBytes: true });
      const ciphertext = bytesOf(made["ciphertext"]);
      assert.equal((await given(next(surface), decapsulate, { keyId, ciphertext, asBytes: true }))["secret"], made["secret"]);
      await refused("MECHANISM_PARAM_INVALID", surface, decapsulate, { keyId, ciphertext: ciphertext.subarray(1), asBytes: true });
    }
  });
}

// ---- derivation ----

/** What AES-256-GCM under the derived key encrypts, opened with a key of the test's own. */
async function opensWith(surface: Surface, keyId: string, key: Uint8Array): Promise<void> {
  const sealed = await given(surface, encrypt, { keyId, plaintext: MESSAGE, format: CiphertextFormat.RAW });
  const [ciphertext, nonce] = [bytesOf(sealed["ciphertext"]), bytesOf(sealed["nonce"])];
  const opener = createDecipheriv("aes-256-gcm", key, nonce).setAuthTag(ciphertext.subarray(-16));
  assert.deepEqual(Buffer.concat([opener.update(ciphertext.subarray(0, -16)), opener.final()]), MESSAGE);
}

test("a key derived by HKDF is the key that node derives, on every surface, and the same again when asked again", async () => {
  const [secret, salt, info] = [randomBytes(40), randomBytes(16), Buffer.from("billing")];
  const keyId = fresh("master");
  await given("REST", importKey, { keyId, algorithm: Algorithm.GenericSecret, keyMaterial: secret, format: KeyMaterialFormat.RAW });
  const expected = new Uint8Array(hkdfSync("sha256", secret, salt, info, 32));
  for (const surface of SURFACES) {
    const derived = fresh("derived");
    const derivation = { function: Kdf.HKDF, salt, info };
    const { key } = await given(surface, deriveKey, { keyId, derivation, asKey: { keyId: derived, algorithm: Algorithm.Aes256Gcm } });
    assert.deepEqual([key.versions[0].local, key.versions[0].derived_from], [true, `${keyId}@v1`], "made here, and from what");
    await opensWith(next(surface), derived, expected);
  }
});

test("every derivation from a secret key makes keys that the openssl command makes too", async () => {
  const secret = randomBytes(32);
  const keyId = fresh("master");
  await given("REST", importKey, { keyId, algorithm: Algorithm.GenericSecret, keyMaterial: secret, format: KeyMaterialFormat.RAW });
  const [label, context] = [Buffer.from("label"), Buffer.from("context")];
  const about = [`hexkey:${secret.toString("hex")}`, `hexsalt:${label.toString("hex")}`, `hexinfo:${context.toString("hex")}`];
  for (const [kdf, options] of [
    [Kdf.COUNTER_HMAC, ["mac:HMAC", "digest:SHA256"]],
    [Kdf.COUNTER_CMAC, ["mac:CMAC", "cipher:AES-256-CBC"]],
    [Kdf.FEEDBACK_HMAC, ["mac:HMAC", "digest:SHA256", "mode:FEEDBACK"]],
    [Kdf.FEEDBACK_CMAC, ["mac:CMAC", "cipher:AES-256-CBC", "mode:FEEDBACK"]],
  ] as const) {
    const flags = [...options, ...about].flatMap((option) => ["-kdfopt", option]);
    const expected = openssl(["kdf", "-binary", "-keylen", "32", ...flags, "KBKDF"]);
    for (const surface of SURFACES) {
      const derived = fresh("derived");
      await given(surface, deriveKey, {
        keyId,
        derivation: { function: kdf, label, context },
        asKey: { keyId: derived, algorithm: Algorithm.Aes256Gcm },
      });
      await opensWith(surface, derived, expected);
    }
  }
});

test("a password becomes a key by each of the slow derivations, with a fresh salt that is told, behind the vault's walls", async () => {
  const password = Buffer.from("correct horse battery staple");
  const keyId = fresh("password");
  await given("REST", importKey, { keyId, algorithm: Algorithm.GenericSecret, keyMaterial: password, format: KeyMaterialFormat.RAW });
  const pass = `hexpass:${password.toString("hex")}`;
  for (const [index, [kdf, options, command]] of (
    [
      [Kdf.PBKDF2, ["iter:600000", "digest:SHA256"], "PBKDF2"],
      [Kdf.SCRYPT, ["n:131072", "r:8", "p:1", "maxmem_bytes:300000000"], "SCRYPT"],
    ] as const
  ).entries()) {
    const derived = fresh("derived");
    const surface = SURFACES[index] as Surface;
    const { salt: told } = await given(surface, deriveKey, {
      keyId,
      derivation: { function: kdf },
      asKey: { keyId: derived, algorithm: Algorithm.Aes256Gcm },
    });
    const salt = bytesOf(told);
    assert.equal(salt.length, 16);
    const flags = [...options, pass, `hexsalt:${salt.toString("hex")}`].flatMap((option) => ["-kdfopt", option]);
    await opensWith(surface, derived, openssl(["kdf", "-binary", "-keylen", "32", ...flags, command]));
  }
  // Argon2id takes its memory from the vault's secure heap: as much as it may have, several at once, then again.
  const asked = Array.from({ length: 4 }, (_, at) => {
    const request = { function: Kdf.ARGON2ID, salt: Buffer.alloc(16, 7), memoryKib: 65_536, iterations: 1 };
    return given(SURFACES[at] as Surface, deriveKey, {
      keyId,
      derivation: request,
      asKey: { keyId: `argon-${at}`, algorithm: Algorithm.HmacSha256 },
    });
  });
  await Promise.all(asked);
  const macs = await Promise.all(
    [0, 1, 2, 3].map(async (at) => (await given("gRPC", generateMac, { keyId: `argon-${at}`, data: MESSAGE }))["mac"]),
  );
  assert.equal(new Set(macs).size, 1, "the same inputs, the same key");
});

test("secrets derive secrets of a chosen length, and what a derivation cannot do is refused on every surface", async () => {
  const keyId = fresh("short");
  const password = Buffer.from("12345678");
  await given("REST", importKey, { keyId, algorithm: Algorithm.GenericSecret, keyMaterial: password, format: KeyMaterialFormat.RAW });
  const strong = fresh("strong");
  await given("REST", generateKey, { keyId: strong, algorithm: Algorithm.GenericSecret });
  const asKey = { algorithm: Algorithm.Aes256Gcm };
  const derivation = { function: Kdf.HKDF };
  for (const surface of SURFACES) {
    const long = fresh("long");
    await given(surface, deriveKey, {
      keyId: strong,
      derivation,
      asKey: { keyId: long, algorithm: Algorithm.GenericSecret, sizeBytes: 100 },
    });
    await given(surface, deriveKey, { keyId: long, derivation, asKey });
    // Eight bytes are a password, not a key.
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId, derivation, asKey });
    const weak = { function: Kdf.PBKDF2, iterations: 1000 };
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId, derivation: weak, asKey });
    const greedy = { function: Kdf.ARGON2ID, memoryKib: 4_194_304 };
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId, derivation: greedy, asKey });
    const shared = { function: Kdf.X963 };
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId: strong, derivation: shared, asKey });
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId: strong, derivation, asKey: { ...asKey, sizeBytes: 16 } });
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId: strong, derivation, asKey: { algorithm: Algorithm.Ed25519 } });
    await refused("INVALID_REQUEST", surface, deriveKey, { keyId: strong, derivation: {}, asKey });
    const small = { algorithm: Algorithm.HmacSha256, sizeBytes: 13 };
    await refused("MECHANISM_PARAM_INVALID", surface, deriveKey, { keyId: strong, derivation, asKey: small });
  }
});

test("an encapsulated secret may go through a derivation, and both holders come to one key of any size", async () => {
  const keyId = fresh("kem");
  await given("REST", generateKey, { keyId, algorithm: Algorithm.MlKem768 });
  const derivation = { function: Kdf.HKDF, info: Buffer.from("both") };
  const [mine, yours] = [fresh("mine"), fresh("yours")];
  const made = await given("gRPC", encapsulate, { keyId, derivation, asKey: { keyId: mine, algorithm: Algorithm.HmacSha512 } });
  const ciphertext = bytesOf(made["ciphertext"]);
  await given("REST", decapsulate, { keyId, ciphertext, derivation, asKey: { keyId: yours, algorithm: Algorithm.HmacSha512 } });
  const [one, two] = await Promise.all([mine, yours].map((each) => given("REST", generateMac, { keyId: each, data: MESSAGE })));
  assert.equal(one?.["mac"], two?.["mac"]);
});

test("an imported agreement key keeps its public half and comes to node's secret", async () => {
  for (const [, algorithm, genpkey] of AGREEMENT) {
    const pem = openssl(["genpkey", ...genpkey]);
    const mine: KeyObject = createPrivateKey(pem);
    const keyId = fresh("imported");
    const { public_key: publicKey } = await given("gRPC", importKey, { keyId, algorithm, keyMaterial: pem, format: KeyMaterialFormat.PEM });
    assert.ok(createPublicKey(publicKey).equals(createPublicKey(mine)));
    const peer = createPrivateKey(openssl(["genpkey", ...genpkey]));
    const peerPublicKey = createPublicKey(peer).export({ format: "der", type: "spki" });
    const { secret } = await given("gRPC", agreeKey, { keyId, peerPublicKey, asBytes: true });
    assert.deepEqual(bytesOf(secret), diffieHellman({ privateKey: peer, publicKey: createPublicKey(mine) }));
  }
});

// ---- HPKE ----

for (const [name, algorithm] of AGREEMENT.slice(0, 5)) {
  test(`${name}: what one surface seals by HPKE the next opens, in every suite, and nothing else opens`, async () => {
    const keyId = fresh("hpke");
    await given("REST", generateKey, { keyId, algorithm });
    const about = { info: Buffer.from("letters"), associatedData: Buffer.from("of a test") };
    const suites: readonly { readonly kdf?: HpkeKdf; readonly aead?: HpkeAead }[] = [
      {},
      ...[HpkeKdf.HKDF_SHA256, HpkeKdf.HKDF_SHA384, HpkeKdf.HKDF_SHA512].flatMap((kdf) =>
        [HpkeAead.AES_128_GCM, HpkeAead.AES_256_GCM, HpkeAead.CHACHA20_POLY1305].map((aead) => ({ kdf, aead })),
      ),
    ];
    for (const [index, suite] of suites.entries()) {
      const surface = SURFACES[index % SURFACES.length] as Surface;
      const sealed = await given(surface, hpkeSeal, { keyId, plaintext: MESSAGE, ...about, ...suite });
      const [encapsulatedKey, ciphertext] = [bytesOf(sealed["encapsulated_key"]), bytesOf(sealed["ciphertext"])];
      assert.equal(ciphertext.length, MESSAGE.length + 16);
      const opened = await given(next(surface), hpkeOpen, { keyId, encapsulatedKey, ciphertext, ...about, ...suite });
      assert.deepEqual(bytesOf(opened["plaintext"]), MESSAGE);
      const joined = Buffer.concat([encapsulatedKey, ciphertext]);
      assert.deepEqual(bytesOf((await given(surface, hpkeOpen, { keyId, ciphertext: joined, ...about, ...suite }))["plaintext"]), MESSAGE);
      const wrong = [
        { ciphertext: ciphertext.with(3, (ciphertext[3] ?? 0) ^ 1) },
        { ciphertext: ciphertext.subarray(1) },
        { ciphertext: Buffer.alloc(0) },
        { encapsulatedKey: encapsulatedKey.with(3, (encapsulatedKey[3] ?? 0) ^ 1) },
        { encapsulatedKey: encapsulatedKey.subarray(1) },
        { encapsulatedKey: Buffer.alloc(encapsulatedKey.length) },
        { info: Buffer.from("other") },
        { associatedData: Buffer.from("other") },
        { aead: suite.aead === HpkeAead.AES_128_GCM ? HpkeAead.AES_256_GCM : HpkeAead.AES_128_GCM },
      ];
      const details = new Set<unknown>();
      for (const change of wrong) {
        const asked = { keyId, encapsulatedKey, ciphertext, ...about, ...suite, ...change } as Request;
        details.add((await refused("DECRYPTION_FAILED", surface, hpkeOpen, asked)).detail);
      }
      assert.equal(details.size, 1, "one answer for every failure");
    }
    const other = fresh("hpke");
    await given("REST", generateKey, { keyId: other, algorithm });
    const { encapsulated_key: enc, ciphertext } = await given("REST", hpkeSeal, { keyId, plaintext: MESSAGE });
    await refused("DECRYPTION_FAILED", "REST", hpkeOpen, { keyId: other, encapsulatedKey: bytesOf(enc), ciphertext: bytesOf(ciphertext) });
  });
}

test("HPKE with a pre-shared key opens only with the same key under the same name, and both are managed keys", async () => {
  const [keyId, psk, otherPsk] = [fresh("hpke"), fresh("psk"), fresh("psk")];
  await given("REST", generateKey, { keyId, algorithm: Algorithm.X25519 });
  for (const each of [psk, otherPsk]) await given("REST", generateKey, { keyId: each, algorithm: Algorithm.GenericSecret });
  const pskId = Buffer.from("ours");
  for (const surface of SURFACES) {
    const sealed = await given(surface, hpkeSeal, { keyId, plaintext: MESSAGE, pskKeyId: psk, pskId });
    const message = { keyId, encapsulatedKey: bytesOf(sealed["encapsulated_key"]), ciphertext: bytesOf(sealed["ciphertext"]) };
    assert.deepEqual(bytesOf((await given(next(surface), hpkeOpen, { ...message, pskKeyId: psk, pskId }))["plaintext"]), MESSAGE);
    await refused("DECRYPTION_FAILED", surface, hpkeOpen, message);
    await refused("DECRYPTION_FAILED", surface, hpkeOpen, { ...message, pskKeyId: otherPsk, pskId });
    await refused("DECRYPTION_FAILED", surface, hpkeOpen, { ...message, pskKeyId: psk, pskId: Buffer.from("theirs") });
    await refused("INVALID_REQUEST", surface, hpkeOpen, { ...message, pskId });
    await refused("MECHANISM_PARAM_INVALID", surface, hpkeSeal, { keyId, plaintext: MESSAGE, pskKeyId: psk });
    await refused("OBJECT_NOT_FOUND", surface, hpkeSeal, { keyId, plaintext: MESSAGE, pskKeyId: "no-such-key", pskId });
    await refused("MECHANISM_NOT_SUPPORTED", surface, hpkeSeal, { keyId, plaintext: MESSAGE, pskKeyId: keyId, pskId });
  }
});

test("HPKE is not for keys that RFC 9180 has no encapsulation for, and an old version opens when it is named", async () => {
  const [kem, keyId] = [fresh("kem"), fresh("hpke")];
  await given("REST", generateKey, { keyId: kem, algorithm: Algorithm.MlKem768 });
  await given("REST", generateKey, { keyId, algorithm: Algorithm.EcdhP256 });
  const sealed = await given("REST", hpkeSeal, { keyId, plaintext: MESSAGE });
  const message = { keyId, encapsulatedKey: bytesOf(sealed["encapsulated_key"]), ciphertext: bytesOf(sealed["ciphertext"]) };
  await given("REST", rotateKey, { keyId });
  for (const surface of SURFACES) {
    await refused("MECHANISM_NOT_SUPPORTED", surface, hpkeSeal, { keyId: kem, plaintext: MESSAGE });
    await refused("DECRYPTION_FAILED", surface, hpkeOpen, message);
    assert.deepEqual(bytesOf((await given(surface, hpkeOpen, { ...message, version: 1 }))["plaintext"]), MESSAGE);
  }
});

// ---- hybrids ----

const HYBRIDS = [
  ["X-Wing", Algorithm.XWing],
  ["X25519MLKEM768", Algorithm.X25519MlKem768],
  ["SecP256r1MLKEM768", Algorithm.SecP256r1MlKem768],
  ["SecP384r1MLKEM1024", Algorithm.SecP384r1MlKem1024],
  ["SecP256r1MLKEM512", Algorithm.SecP256r1MlKem512],
] as const;

for (const [name, algorithm] of HYBRIDS) {
  test(`${name}: what one surface encapsulates the next decapsulates, before and after a rotation`, async () => {
    const keyId = fresh("hybrid");
    const { public_key: publicKey } = await given("REST", generateKey, { keyId, algorithm });
    assert.match(publicKey, /^-----BEGIN PUBLIC KEY-----/);
    const old: [string, Buffer][] = [];
    for (const surface of SURFACES) {
      const made = await given(surface, encapsulate, { keyId, asBytes: true });
      const ciphertext = bytesOf(made["ciphertext"]);
      assert.equal((await given(next(surface), decapsulate, { keyId, ciphertext, asBytes: true }))["secret"], made["secret"]);
      old.push([made["secret"], ciphertext]);
      const edited = Buffer.from(ciphertext.with(ciphertext.length >> 1, (ciphertext[ciphertext.length >> 1] ?? 0) ^ 1));
      assert.notEqual((await given(surface, decapsulate, { keyId, ciphertext: edited, asBytes: true }))["secret"], made["secret"]);
      await refused("MECHANISM_PARAM_INVALID", surface, decapsulate, { keyId, ciphertext: ciphertext.subarray(1), asBytes: true });
    }
    await given("gRPC", rotateKey, { keyId });
    for (const [secret, ciphertext] of old)
      assert.equal((await given("REST", decapsulate, { keyId, ciphertext, version: 1, asBytes: true }))["secret"], secret);
  });

  test(`${name}: both holders come to one managed key; two secrets side by side become one only by a derivation`, async () => {
    const keyId = fresh("hybrid");
    await given("REST", generateKey, { keyId, algorithm });
    const [mine, yours] = [fresh("mine"), fresh("yours")];
    const derivation = { function: Kdf.HKDF, info: Buffer.from("hybrid") };
    const template = { algorithm: Algorithm.HmacSha512 };
    const made = await given("REST", encapsulate, { keyId, derivation, asKey: { ...template, keyId: mine } });
    const ciphertext = bytesOf(made["ciphertext"]);
    await given("gRPC", decapsulate, { keyId, ciphertext, derivation, asKey: { ...template, keyId: yours } });
    const [one, two] = await Promise.all([mine, yours].map((each) => given("REST", generateMac, { keyId: each, data: MESSAGE })));
    assert.equal(one?.["mac"], two?.["mac"]);
    if (name === "X-Wing") {
      await given("REST", encapsulate, { keyId, asKey: { algorithm: Algorithm.Aes256Gcm } });
      return;
    }
    for (const surface of SURFACES) {
      await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asKey: template });
      await refused("INVALID_REQUEST", surface, decapsulate, { keyId, ciphertext, asKey: template });
    }
  });
}

test("BLAKE3-MAC: noble computes the same code, every surface verifies it, and a derived key makes it too", async () => {
  const secret = randomBytes(32);
  const context = Buffer.from("keystead 2026-11-21 conformance test");
  const [keyId, master, derived] = [fresh("blake3"), fresh("master"), fresh("derived")];
  const raw = { keyMaterial: secret, format: KeyMaterialFormat.RAW };
  await given("REST", importKey, { keyId, algorithm: Algorithm.Blake3Mac, ...raw });
  await given("REST", importKey, { keyId: master, algorithm: Algorithm.GenericSecret, ...raw });
  const asKey = { keyId: derived, algorithm: Algorithm.Blake3Mac };
  await given("gRPC", deriveKey, { keyId: master, derivation: { function: Kdf.BLAKE3, context }, asKey });
  for (const surface of SURFACES) {
    for (const [each, key] of [
      [keyId, secret],
      [derived, blake3(secret, { context })],
    ] as const) {
      const { mac: made } = await given(surface, generateMac, { keyId: each, data: MESSAGE });
      const mac = bytesOf(made);
      assert.deepEqual(mac, Buffer.from(blake3(MESSAGE, { key })));
      const verdict = async (tag: Uint8Array): Promise<unknown> =>
        (await given(next(surface), verifyMac, { keyId: each, data: MESSAGE, mac: tag }))["valid"];
      assert.deepEqual(
        [await verdict(mac), await verdict(mac.with(0, (mac[0] ?? 0) ^ 1)), await verdict(mac.subarray(1))],
        [true, false, false],
      );
    }
    await refused("MECHANISM_PARAM_INVALID", surface, generateMac, { keyId, data: MESSAGE, macBytes: 16 });
  }
});
