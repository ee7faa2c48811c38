/**
 * The contract every mechanism keeps, walked over the register.
 *
 * Long, because a mechanism offers several of the same things, and what each must do is asked of all that offer it.
 */
import assert from "node:assert/strict";
import { randomBytes, type KeyObject } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ALGORITHM_NAMES, ALGORITHMS, DIGEST_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import { isAnyModeAes } from "@keystead/contract/key-modes";
import type { Key } from "../composite-key.ts";
import { publicHalf, publicKeyDer, publicKeyPem } from "../formats/public-key.ts";
import type { Agreer, Cipher, CipherParams, MacParams, Kem, Macer, SignatureParams, Signer, WrapParams, Wrapper } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { mechanismFor, mechanisms } from "./register.ts";

const PARAM = { code: "MECHANISM_PARAM_INVALID" };
const OPENSSL_DIGESTS = DIGEST_NAMES.filter((name) => name !== "BLAKE3");

/** Every combination of parameters a family accepts, beginning with its default. */
function signatureParams(family: string): SignatureParams[] {
  const context = Buffer.from("context");
  if (family.endsWith("-dsa") || family === "composite") return [{}, { context }];
  if (family.startsWith("ed")) return [{}, { format: "raw" }, { context }, { scheme: "prehash" }, { scheme: "prehash", context }];
  if (family === "ec")
    return [
      {},
      { format: "der" },
      { deterministic: true },
      { deterministic: true, format: "raw" },
      ...OPENSSL_DIGESTS.flatMap((digest) => [{ digest }, { digest, format: "raw" } as const]),
    ];
  return [
    {},
    { saltBytes: 0 },
    { saltBytes: 1 },
    { saltBytes: 20, digest: "SHA-384" },
    ...OPENSSL_DIGESTS.flatMap((digest) => [{ digest, scheme: "pss" } as const, { digest, scheme: "pkcs1" } as const]),
  ];
}

const CONTEXT_ALONE: readonly SignatureParams[] = [
  { digest: "SHA-512" },
  { scheme: "prehash" },
  { scheme: "pss" },
  { format: "der" },
  { context: Buffer.alloc(256) },
  { saltBytes: 20 },
  { deterministic: true },
];
const EDWARDS: readonly SignatureParams[] = [
  { digest: "SHA-512" },
  { scheme: "pss" },
  { format: "der" },
  { context: Buffer.alloc(256) },
  { saltBytes: 20 },
  { deterministic: true },
];
const REFUSED_SIGNATURE_PARAMS: Readonly<Record<string, readonly SignatureParams[]>> = {
  ed25519: EDWARDS,
  ed448: EDWARDS,
  "ml-dsa": CONTEXT_ALONE,
  "slh-dsa": CONTEXT_ALONE,
  composite: CONTEXT_ALONE,
  ec: [
    { scheme: "pss" },
    { scheme: "prehash" },
    { context: Buffer.alloc(1) },
    { saltBytes: 20 },
    { digest: "BLAKE3" },
    { digest: "MD5" as "SHA-256" },
    { format: "p1363" as "raw" },
  ],
  rsa: [
    { digest: "BLAKE3" },
    { saltBytes: -1 },
    { saltBytes: 600 },
    { saltBytes: 1.5 },
    { saltBytes: 20, scheme: "pkcs1" },
    { scheme: "prehash" },
    { context: Buffer.alloc(1) },
    { deterministic: true },
    { digest: "SHA-1" as "SHA-256" },
    { scheme: "raw" as "pss" },
    { format: "der" },
  ],
};

/** Ciphers by what they notice. */
type CipherKind = "AEAD" | "GCM" | "CBC" | "CTR" | "XTS" | "RSA";
const cipherKind = (name: string): CipherKind =>
  name.startsWith("RSA")
    ? "RSA"
    : /^AES-\d+(-GCM)?$/.test(name)
      ? "GCM"
      : ((["CBC", "CTR", "XTS"] as const).find((mode) => name.endsWith(mode)) ?? "AEAD");

const NO_PARAMS: readonly CipherParams[] = [
  { additionalData: Buffer.alloc(0) },
  { scheme: "oaep" },
  { digest: "SHA-256" },
  { label: Buffer.alloc(1) },
  { nonce: Buffer.alloc(12) },
];
const NOT_AN_AEADS: readonly CipherParams[] = [{ scheme: "oaep" }, { digest: "SHA-256" }, { label: Buffer.alloc(1) }];
const REFUSED_CIPHER_PARAMS: Readonly<Record<CipherKind, readonly CipherParams[]>> = {
  AEAD: [...NOT_AN_AEADS, { nonce: Buffer.alloc(11) }, { nonce: Buffer.alloc(25) }],
  GCM: [...NOT_AN_AEADS, { nonce: Buffer.alloc(7) }, { nonce: Buffer.alloc(65) }],
  CBC: NO_PARAMS,
  CTR: NO_PARAMS,
  XTS: NO_PARAMS,
  RSA: [
    { additionalData: Buffer.alloc(0) },
    { nonce: Buffer.alloc(12) },
    { digest: "BLAKE3" },
    { scheme: "none" as "oaep" },
    { scheme: "pkcs1", digest: "SHA-256" },
    { scheme: "pkcs1", label: Buffer.alloc(1) },
  ],
};

async function keepsSigner(name: AlgorithmName, family: string, signer: Signer<Key>, key: Key): Promise<void> {
  const publicKey = publicHalf(key);
  const all = signatureParams(family);
  for (const params of all) {
    const what = JSON.stringify(params);
    const data = randomBytes(100);
    signer.check(params);
    // A signature of the slow sets takes a second and more: one here, one on the pool.
    const slow = /^SLH-DSA-.*s$/.test(name);
    const signatures = [
      ...(slow && params !== all[0] ? [] : [signer.sign(key, data, params)]),
      ...(slow && params === all[0] ? [] : [await signer.signPooled(key, data, params)]),
    ];
    for (const signature of signatures) {
      assert.equal(signer.verify(publicKey, data, signature, params), true, what);
      assert.equal(await signer.verifyPooled(publicKey, data, signature, params), true, what);
      assert.equal(signer.verify(publicKey, randomBytes(100), signature, params), false, what);
      const bit = fc.sample(fc.integer({ min: 0, max: signature.byteLength * 8 - 1 }), 1)[0] ?? 0;
      signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(signer.verify(publicKey, data, signature, params), false, what);
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), fc.constantFrom(...signatureParams(family)), async (garbage, params) => {
      assert.equal(signer.verify(publicKey, Buffer.from("data"), garbage, params), false);
      assert.equal(await signer.verifyPooled(publicKey, Buffer.from("data"), garbage, params), false);
    }),
    { numRuns: 60 },
  );
  for (const params of REFUSED_SIGNATURE_PARAMS[family] ?? []) {
    assert.throws(() => signer.check(params), PARAM);
    assert.throws(() => signer.sign(key, Buffer.alloc(1), params), PARAM);
    assert.throws(() => signer.verify(publicKey, Buffer.alloc(1), Buffer.alloc(1), params), PARAM);
    await assert.rejects(signer.signPooled(key, Buffer.alloc(1), params), PARAM);
    await assert.rejects(signer.verifyPooled(publicKey, Buffer.alloc(1), Buffer.alloc(1), params), PARAM);
  }
}

async function keepsCipher(kind: CipherKind, cipher: Cipher<Key>, key: Key, other: Key): Promise<void> {
  const failures = new Set<string>();
  const fails = (decrypt: () => Buffer): void =>
    assert.throws(decrypt, (error: { code?: string; detail?: string }) => (failures.add(`${error.code}|${error.detail}`), true));
  const maxLength = kind === "RSA" ? 190 : 5000;
  const minLength = kind === "XTS" ? 16 : 0;
  // CTR and XTS give an answer to whatever is long enough; CBC notices wrong lengths and wrong padding only.
  const noticesLength = kind !== "CTR" && kind !== "XTS";
  const aead = kind === "AEAD" || kind === "GCM";
  const authenticates = aead || kind === "RSA";
  assert.equal(cipher.authenticates({}), authenticates);
  if (kind === "RSA") assert.equal(cipher.authenticates({ scheme: "pkcs1" }), false);
  const paramsOf = (extra: Uint8Array): CipherParams => (aead ? { additionalData: extra } : kind === "RSA" ? { label: extra } : {});
  fc.assert(
    fc.property(fc.uint8Array({ minLength, maxLength }), fc.uint8Array({ maxLength: 40 }), fc.nat(), (plaintext, extra, at) => {
      const params = paramsOf(extra);
      const sealed = cipher.encrypt(key, plaintext, params);
      const opened = cipher.decrypt(key, sealed, params);
      assert.deepEqual(new Uint8Array(opened), plaintext);
      assert.equal(opened.buffer.byteLength, opened.byteLength, "plaintext on memory of its own");
      fails(() => cipher.decrypt(key, { ...sealed, nonce: Buffer.alloc(5) }, params));
      if (noticesLength) fails(() => cipher.decrypt(key, { ...sealed, ciphertext: sealed.ciphertext.subarray(1) }, params));
      if (kind !== "CTR") fails(() => cipher.decrypt(key, { ...sealed, ciphertext: Buffer.alloc(0) }, params));
      if (!authenticates) return; // does not notice most edits, and is documented so
      fails(() => cipher.decrypt(other, sealed, params));
      fails(() => cipher.decrypt(key, sealed, paramsOf(Buffer.concat([extra, Buffer.alloc(1)]))));
      const edited = Buffer.from(sealed.ciphertext);
      const bit = at % (edited.byteLength * 8);
      edited[bit >> 3] = (edited[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      fails(() => cipher.decrypt(key, { ...sealed, ciphertext: edited }, params));
    }),
    { numRuns: 30 },
  );
  const params = paramsOf(Buffer.from("extra"));
  for (const length of [0, 1, 16, 17, maxLength].filter((each) => each >= minLength)) {
    const plaintext = randomBytes(length);
    const [here, there] = [cipher.encrypt(key, plaintext, params), await cipher.encryptPooled(key, plaintext, params)];
    for (const sealed of [here, there]) {
      assert.deepEqual(cipher.decrypt(key, sealed, params), plaintext);
      const opened = await cipher.decryptPooled(key, sealed, params);
      assert.deepEqual(opened, plaintext);
      assert.equal(opened.buffer.byteLength, opened.byteLength, "plaintext on memory of its own");
      const broken: { ciphertext: Buffer; nonce: Buffer }[] = [{ ...sealed, nonce: Buffer.alloc(5) }];
      if (noticesLength) broken.push({ ...sealed, ciphertext: sealed.ciphertext.subarray(1) });
      if (kind !== "CTR") broken.push({ ...sealed, ciphertext: Buffer.alloc(0) });
      if (authenticates) broken.push({ ...sealed, ciphertext: sealed.ciphertext.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) as Buffer });
      for (const each of broken) fails(await settled(cipher.decryptPooled(key, each, params)));
    }
  }
  if (cipher.encryptBehind !== undefined) {
    for (const [length, headBytes] of [
      [0, 0],
      [1, 8],
      [65_536, 3],
      [200_001, 8],
    ] as const) {
      const plaintext = randomBytes(length);
      const { bytes, nonceBytes }: { bytes: Buffer; nonceBytes: number } = cipher.encryptBehind(key, plaintext, params, headBytes);
      const head = bytes.subarray(0, headBytes);
      const nonce = bytes.subarray(headBytes, headBytes + nonceBytes);
      assert.ok(head.every((byte) => byte === 0));
      assert.deepEqual(cipher.decrypt(key, { nonce, ciphertext: bytes.subarray(headBytes + nonceBytes) }, params), plaintext);
    }
    assert.throws(() => cipher.encryptBehind?.(key, Buffer.alloc(1), REFUSED_CIPHER_PARAMS[kind][0] as never, 0), PARAM);
  }
  if (kind === "CBC") {
    // A whole block of zeros as last plaintext block is never sound padding.
    const { ciphertext, nonce } = cipher.encrypt(key, Buffer.alloc(32), params);
    const noPadding = { ciphertext: ciphertext.subarray(0, 32), nonce };
    fails(() => cipher.decrypt(key, noPadding, params));
    fails(await settled(cipher.decryptPooled(key, noPadding, params)));
  }
  assert.equal(failures.size, 1, `one refusal for every failure: ${[...failures].join()}`);
  assert.match([...failures].join(), /^DECRYPTION_FAILED/);
  for (const params of REFUSED_CIPHER_PARAMS[kind]) {
    assert.throws(() => cipher.check(params), PARAM);
    assert.throws(() => cipher.encrypt(key, Buffer.alloc(1), params), PARAM);
    await assert.rejects(cipher.encryptPooled(key, Buffer.alloc(1), params), PARAM);
    await assert.rejects(cipher.decryptPooled(key, { ciphertext: Buffer.alloc(32), nonce: Buffer.alloc(16) }, params), PARAM);
    assert.throws(() => cipher.decrypt(key, { ciphertext: Buffer.alloc(32), nonce: Buffer.alloc(16) }, params), PARAM);
  }
  if (kind === "XTS") {
    assert.throws(() => cipher.encrypt(key, Buffer.alloc(15), {}), PARAM);
    assert.throws(() => cipher.encrypt(key, Buffer.alloc(2 ** 24 + 1), {}), { code: "REQUEST_TOO_LARGE" });
  }
  if (kind !== "RSA") {
    // A nonce of the caller's choice is the nonce, here and on the pool; nothing random is left then.
    const own = cipher.encrypt(key, Buffer.alloc(16), {}).nonce.byteLength;
    for (const bytes of kind === "GCM" ? [own, 8, 13, 16, 64] : [own]) {
      const chosen = randomBytes(bytes);
      const once = cipher.encrypt(key, Buffer.alloc(40, 1), { nonce: chosen });
      const again = await cipher.encryptPooled(key, Buffer.alloc(40, 1), { nonce: chosen });
      assert.deepEqual([once.nonce, once.ciphertext], [chosen, again.ciphertext]);
      assert.deepEqual(again.nonce, chosen);
      assert.deepEqual(cipher.decrypt(key, once, {}), Buffer.alloc(40, 1));
      assert.deepEqual(await cipher.decryptPooled(key, once, {}), Buffer.alloc(40, 1));
      const behind = cipher.encryptBehind?.(key, Buffer.alloc(40, 1), { nonce: chosen }, 3);
      if (behind !== undefined) assert.deepEqual(behind.bytes, Buffer.concat([Buffer.alloc(3), chosen, once.ciphertext]));
    }
  }
  const nonces = new Set(
    Array.from({ length: 200 }, () => cipher.encrypt(key, Buffer.alloc(16), {})).map(
      ({ nonce, ciphertext }) => `${nonce.toString("hex")}${ciphertext.toString("hex")}`,
    ),
  );
  assert.equal(nonces.size, 200);
}

/** A function that does what the promise did: returns its value or throws its error. */
async function settled<T>(promise: Promise<T>): Promise<() => T> {
  const [outcome] = await Promise.allSettled([promise]);
  return () => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  };
}

/** What each kind of MAC takes and refuses: lengths it may be asked for, and parameters it does not read. */
interface MacRules {
  readonly lengths: readonly [usual: number, shortest: number, longest: number];
  readonly nonce: boolean;
  readonly customization: boolean;
  /** A shorter code is the beginning of the usual one. */
  readonly cuts: boolean;
}

function macRules(name: AlgorithmName): MacRules {
  const plain = { nonce: false, customization: false, cuts: true };
  if (name.endsWith("CMAC") || isAnyModeAes(name)) return { ...plain, lengths: [16, 8, 16] };
  if (name.endsWith("GMAC")) return { ...plain, lengths: [16, 12, 16], nonce: true };
  if (name.startsWith("KMAC")) return { nonce: false, customization: true, cuts: false, lengths: [name === "KMAC128" ? 32 : 64, 8, 64] };
  if (name === "BLAKE3-MAC") return { ...plain, lengths: [32, 32, 32] };
  const full = name === "Generic-Secret" ? 32 : Number(name.slice(-3)) / 8;
  return { ...plain, lengths: [full, full / 2, full] };
}

function keepsMacer(name: AlgorithmName, macer: Macer<Key>, key: Key, other: Key): void {
  const { lengths, nonce, customization, cuts } = macRules(name);
  const [usual, shortest, longest] = lengths;
  const own: MacParams = nonce ? { nonce: randomBytes(12) } : {};
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(), fc.integer({ min: shortest, max: longest }), (data, at, macBytes) => {
      const made = macer.mac(key, data, {});
      const params: MacParams = nonce ? { nonce: made.nonce } : {};
      assert.equal(made.nonce.byteLength, nonce ? 12 : 0);
      const tag = made.mac;
      assert.equal(tag.byteLength, usual);
      assert.equal(macer.verify(key, data, tag, params), true);
      assert.equal(macer.verify(other, data, tag, params), false);
      assert.equal(macer.verify(key, data, tag.subarray(0, -1), params), false);
      assert.equal(macer.verify(key, data, Buffer.concat([tag, Buffer.alloc(1)]), params), false);
      assert.equal(macer.verify(key, data, Buffer.alloc(0), params), false);
      const asked = { ...params, macBytes };
      const short = macer.mac(key, data, asked).mac;
      assert.equal(short.byteLength, macBytes);
      assert.equal(macer.verify(key, data, short, asked), true);
      assert.equal(macer.verify(key, data, short, params), macBytes === usual, "a short code counts only when it is asked for");
      assert.equal(tag.subarray(0, macBytes).equals(short), cuts || macBytes === usual);
      short[at % macBytes] = (short[at % macBytes] ?? 0) ^ 1;
      assert.equal(macer.verify(key, data, short, asked), false);
      tag[at % tag.byteLength] = (tag[at % tag.byteLength] ?? 0) ^ 1;
      assert.equal(macer.verify(key, data, tag, params), false);
    }),
  );
  const refused: MacParams[] = [0, 1, shortest - 1, longest + 1, shortest + 0.5].map((macBytes) => ({ ...own, macBytes }));
  if (nonce) refused.push({ nonce: Buffer.alloc(7) }, { nonce: Buffer.alloc(65) });
  else refused.push({ nonce: Buffer.alloc(12) });
  if (customization) refused.push({ customization: Buffer.alloc(513) });
  else refused.push({ ...own, customization: Buffer.from("S") });
  for (const params of refused) {
    assert.throws(() => macer.check(params), PARAM, JSON.stringify(params));
    assert.throws(() => macer.mac(key, Buffer.alloc(1), params), PARAM);
    assert.throws(() => macer.verify(key, Buffer.alloc(1), Buffer.alloc(16), params), PARAM);
  }
  macer.check(own);
  if (nonce) {
    const data = Buffer.from("data");
    const { mac } = macer.mac(key, data, own);
    assert.throws(() => macer.verify(key, data, mac, {}), PARAM, "no nonce to verify with");
    assert.equal(macer.verify(key, data, mac, own), true);
    assert.equal(macer.verify(key, data, mac, { nonce: randomBytes(12) }), false);
    assert.equal(new Set(Array.from({ length: 200 }, () => macer.mac(key, data, {}).nonce.toString("hex"))).size, 200);
  }
  if (customization) {
    const of = (text: string): string => macer.mac(key, Buffer.from("data"), { customization: Buffer.from(text) }).mac.toString("hex");
    assert.notEqual(of("a"), of("b"));
    assert.equal(of(""), macer.mac(key, Buffer.from("data"), {}).mac.toString("hex"));
  }
}

/** Edited ciphertexts: ML-KEM never says so; on a curve the edit may be no point. */
function tamperedSecret(kem: Kem<Key>, key: Key, ciphertext: Buffer, mayRefuse: boolean): Buffer {
  try {
    return kem.decapsulate(key, ciphertext);
  } catch (error) {
    assert.ok(mayRefuse && (error as { code?: string }).code === "MECHANISM_PARAM_INVALID", String(error));
    return Buffer.alloc(0);
  }
}

async function keepsAgreer(agreer: Agreer<Key>, key: Key, other: Key): Promise<void> {
  const [mine, theirs] = [publicHalf(key), publicHalf(other)];
  const secret = agreer.agree(key, agreer.peer(publicKeyDer(theirs)));
  assert.equal(secret.buffer.byteLength, secret.byteLength, "on memory of its own");
  assert.deepEqual(agreer.agree(other, agreer.peer(publicKeyDer(mine))), secret);
  assert.deepEqual(await agreer.agreePooled(key, agreer.peer(Buffer.from(publicKeyPem(theirs)))), secret);
  const raw = (theirs as KeyObject).export({ format: "raw-public" });
  const jwk = Buffer.from(JSON.stringify((theirs as KeyObject).export({ format: "jwk" })));
  for (const form of [raw, jwk]) assert.deepEqual(agreer.agree(key, agreer.peer(form)), secret);
  const privately = Buffer.from(JSON.stringify((other as KeyObject).export({ format: "jwk" })));
  const pkcs8 = (other as KeyObject).export({ format: "der", type: "pkcs8" });
  const hybrid = Buffer.from(raw.with(0, raw[0] === 4 ? 6 + ((raw.at(-1) ?? 0) & 1) : 0));
  const spki = publicKeyDer(theirs);
  const hybridSpki = Buffer.from(spki.with(spki.length - raw.length, hybrid[0] ?? 0));
  for (const wrong of [
    ...(raw[0] === 4 && raw.length % 2 === 1 ? [hybrid, hybridSpki] : []),
    Buffer.alloc(0),
    raw.subarray(1),
    Buffer.concat([publicKeyDer(theirs), Buffer.alloc(1)]),
    privately,
    pkcs8,
    Buffer.from((other as KeyObject).export({ format: "pem", type: "pkcs8" })),
    Buffer.alloc(5000, 0x30),
  ])
    assert.throws(() => agreer.peer(wrong), PARAM);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
      try {
        assert.equal(agreer.agree(key, agreer.peer(garbage)).byteLength > 0, true);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "MECHANISM_PARAM_INVALID");
      }
    }),
  );
}

async function keepsKem(name: AlgorithmName, kem: Kem<Key>, key: Key, other: Key): Promise<void> {
  const mayRefuse = !name.startsWith("ML-KEM");
  // The highest bit of an X25519 coordinate is not read (RFC 7748 §5), and nothing else of it where secrets stand side by side.
  const unread = name === "X25519" || name === "X25519MLKEM768" ? kem.ciphertextBytes * 8 - 1 : -1;
  const publicKey = publicHalf(key);
  const [one, two] = [kem.encapsulate(publicKey), kem.encapsulate(publicKey)];
  assert.notDeepEqual(one.secret, two.secret, "every encapsulation has a secret of its own");
  for (const { ciphertext, secret } of [one, two]) {
    assert.deepEqual([ciphertext.byteLength, secret.byteLength], [kem.ciphertextBytes, kem.secretBytes]);
    assert.equal(secret.buffer.byteLength, secret.byteLength, "on memory of its own");
    const again = kem.decapsulate(key, ciphertext);
    assert.deepEqual(again, secret);
    assert.equal(again.buffer.byteLength, again.byteLength, "on memory of its own");
    assert.notDeepEqual(kem.decapsulate(other, ciphertext), secret, "another key, another secret");
    assert.deepEqual(await kem.decapsulatePooled(key, ciphertext), secret);
    await assert.rejects(kem.decapsulatePooled(key, ciphertext.subarray(1)), PARAM);
    for (const wrong of [ciphertext.subarray(1), Buffer.concat([ciphertext, Buffer.alloc(1)]), Buffer.alloc(0)])
      assert.throws(() => kem.decapsulate(key, wrong), PARAM);
  }
  fc.assert(
    fc.property(fc.nat(kem.ciphertextBytes * 8 - 1), (bit) => {
      const edited = Buffer.from(one.ciphertext);
      edited[bit >> 3] = (edited[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const wrong = tamperedSecret(kem, key, edited, mayRefuse);
      if (bit !== unread) assert.notDeepEqual(wrong, one.secret, "another secret");
      assert.deepEqual(tamperedSecret(kem, key, edited, mayRefuse), wrong, "and always the same one");
    }),
    { numRuns: 40 },
  );
  const pooled = await kem.encapsulatePooled(publicKey);
  assert.deepEqual(kem.decapsulate(key, pooled.ciphertext), pooled.secret);
}

function keepsWrapper(name: AlgorithmName, wrapper: Wrapper<Key>, key: Key, other: Key): void {
  const rsa = name.startsWith("RSA");
  const kw = name.endsWith("KW");
  const gcm = name.endsWith("GCM");
  const pair = key.type === "private";
  const wrappingKey = pair ? publicHalf(key) : key;
  const failures = new Set<string>();
  const fails = (unwrap: () => Buffer, what: string): void =>
    assert.throws(unwrap, (error: { code?: string; detail?: string }) => (failures.add(`${error.code}|${error.detail}`), true), what);
  const ways: readonly WrapParams[] = rsa
    ? [
        {},
        { scheme: "rsa-aes-kwp" },
        { digest: "SHA-512" },
        { digest: "SHA3-256" },
        { scheme: "rsa-oaep" },
        { scheme: "rsa-oaep", digest: "SHA-384" },
      ]
    : gcm
      ? [{}, { additionalData: Buffer.alloc(0) }, { additionalData: Buffer.from("whose it is") }]
      : [{}];
  const sizes = kw ? fc.integer({ min: 2, max: 200 }).map((blocks) => 8 * blocks) : fc.integer({ min: 1, max: 1700 });
  fc.assert(
    fc.property(sizes, fc.constantFrom(...ways), fc.nat(), (bytes, params, at) => {
      const material = randomBytes(params.scheme === "rsa-oaep" ? 1 + (bytes % 100) : bytes);
      const wrapped = wrapper.wrap(wrappingKey, material, params);
      const unwrapped = wrapper.unwrap(key, wrapped, params);
      assert.deepEqual(unwrapped, material);
      assert.equal(unwrapped.buffer.byteLength, unwrapped.byteLength, "material on memory of its own");
      const bit = at % (8 * wrapped.byteLength);
      const edited = wrapped.with(bit >> 3, (wrapped[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      for (const [what, wrong] of [
        ["edited", edited],
        ["cut", wrapped.subarray(1)],
        ["cut at the end", wrapped.subarray(0, -1)],
        ["a block less", wrapped.subarray(0, -8)],
        ["prolonged", Buffer.concat([wrapped, Buffer.alloc(8)])],
        ["nothing", Buffer.alloc(0)],
        ["zeros", Buffer.alloc(wrapped.byteLength)],
      ] as const)
        fails(() => wrapper.unwrap(key, wrong, params), what);
      fails(() => wrapper.unwrap(other, wrapped, params), "another key");
      if (gcm) fails(() => wrapper.unwrap(key, wrapped, { additionalData: Buffer.from("whose it was") }), "other additional data");
    }),
    { numRuns: pair ? 12 : 60 },
  );
  assert.equal(failures.size, 1, `one refusal for every failure: ${[...failures].join()}`);
  assert.match([...failures].join(), /^DECRYPTION_FAILED/);
  const refused: WrapParams[] = rsa
    ? [{ digest: "BLAKE3" }, { digest: "SHA-1" as "SHA-256" }, { scheme: "pkcs1" as "rsa-oaep" }]
    : [{ scheme: "rsa-oaep" }, { digest: "SHA-256" }];
  for (const params of refused) {
    assert.throws(() => wrapper.check(params), PARAM);
    assert.throws(() => wrapper.wrap(wrappingKey, Buffer.alloc(32), params), PARAM);
    assert.throws(() => wrapper.unwrap(key, Buffer.alloc(600), params), PARAM);
  }
  assert.throws(() => wrapper.wrap(wrappingKey, Buffer.alloc(0), {}), PARAM);
  if (kw) for (const bytes of [1, 8, 17, 30]) assert.throws(() => wrapper.wrap(key, Buffer.alloc(bytes, 1), {}), PARAM);
  if (rsa) {
    assert.throws(() => wrapper.wrap(wrappingKey, Buffer.alloc(500), { scheme: "rsa-oaep" }), { code: "REQUEST_TOO_LARGE" });
    // The digest is part of what both sides must agree on.
    const wrapped = wrapper.wrap(wrappingKey, Buffer.alloc(32, 1), {});
    fails(() => wrapper.unwrap(key, wrapped, { digest: "SHA-384" }), "another digest");
    fails(() => wrapper.unwrap(key, wrapped, { scheme: "rsa-oaep" }), "another scheme");
  }
}

for (const name of ALGORITHM_NAMES) {
  const mechanism = mechanismFor(name);
  const row = ALGORITHMS[name];
  const usages: readonly string[] = row.usages;

  test(`${name}: offers exactly what its usages need`, () => {
    assert.equal(mechanism.algorithm, name);
    assert.equal(mechanism.signer !== undefined, usages.includes("sign"));
    assert.equal(mechanism.cipher !== undefined, usages.includes("encrypt"));
    assert.equal(mechanism.macer !== undefined, usages.includes("mac"));
    assert.equal(mechanism.wrapper !== undefined, usages.includes("wrap"));
    assert.equal(mechanism.kem !== undefined, usages.includes("encapsulate"));
    assert.equal(mechanism.agreer !== undefined || mechanism.deriver !== undefined, usages.includes("derive"));
  });

  test(`${name}: load inverts store, and refuses what is not its key`, async () => {
    const key = await mechanism.generate();
    const stored = mechanism.store(key);
    assert.equal(stored.buffer.byteLength, stored.byteLength, "on memory of its own");
    const loaded = mechanism.load(stored);
    assert.ok(loaded.equals(key as KeyObject));
    if (row.objectClass === "secret") assert.equal(stored.byteLength * 8, row.sizeBits);
    // What may have several lengths may have one less; that one is missing, its record's MAC tells.
    if (!("otherBytes" in row)) assert.throws(() => mechanism.load(stored.subarray(1)), { code: "INTEGRITY_FAILURE" });
    assert.throws(() => mechanism.load(Buffer.alloc(0)), { code: "INTEGRITY_FAILURE" });
    wipe(stored);
    assert.ok(loaded.equals(key as KeyObject), "the key does not hang on the buffer it came from");
    const stranger = mechanisms[name.endsWith("P256") ? "ECDSA-P384" : "ECDSA-P256"];
    const foreign = stranger.store(await stranger.generate());
    if (!("otherBytes" in row)) assert.throws(() => mechanism.load(foreign), { code: "INTEGRITY_FAILURE" });
  });

  test(`${name}: does what it offers and refuses the rest`, async () => {
    const [key, other] = [await mechanism.generate(), await mechanism.generate()];
    assert.equal(key.equals(other as KeyObject), false);
    if (mechanism.signer !== undefined) await keepsSigner(name, row.family, mechanism.signer, key);
    if (mechanism.cipher !== undefined) await keepsCipher(cipherKind(name), mechanism.cipher, key, other);
    if (mechanism.wrapper !== undefined) keepsWrapper(name, mechanism.wrapper, key, other);
    if (mechanism.macer !== undefined) keepsMacer(name, mechanism.macer, key, other);
    if (mechanism.kem !== undefined) await keepsKem(name, mechanism.kem, key, other);
    if (mechanism.agreer !== undefined) await keepsAgreer(mechanism.agreer, key, other);
  });
}

test("refuses a name that is not in the register", () => {
  for (const name of ["RSA-1024", "toString", "__proto__"]) {
    assert.throws(() => mechanismFor(name as AlgorithmName), { code: "MECHANISM_NOT_SUPPORTED" });
  }
});
