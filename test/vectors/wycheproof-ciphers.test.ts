/**
 * Wycheproof against AES-CCM, AES-GCM-SIV, ChaCha20-Poly1305, XChaCha20-Poly1305 and AES-XTS, and SP 800-38A against
 * AES-CTR.
 *
 * Each file is gone through twice: what the vectors say of a ciphertext, and, for valid cases, whether encrypting the
 * message under the vector's nonce gives exactly its ciphertext. Sizes that we do not speak are counted and refused.
 */
import assert from "node:assert/strict";
import { createSecretKey, type KeyObject } from "node:crypto";
import { test } from "node:test";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Cipher } from "../../lib/crypto/mechanism.ts";
import { mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import { decryptsTo, hex, wycheproof, type Case, type Group } from "./wycheproof.ts";

function cipherOf(algorithm: AlgorithmName): Cipher {
  const { cipher } = mechanismFor(algorithm);
  assert.ok(cipher !== undefined);
  return cipher;
}

const keyOf = (item: Case): KeyObject => createSecretKey(hex(item, "key"));

/** Cases by what becomes of them: sizes we speak, and valid ones of sizes we do not. */
interface Aead {
  readonly file: string;
  readonly byKeyBits: Readonly<Record<number, AlgorithmName>>;
  readonly nonceBits: number;
  readonly ours: number;
  readonly oursValid: number;
  readonly refusedValid: number;
}

const AEADS: readonly Aead[] = [
  {
    file: "aes_ccm_test.json",
    byKeyBits: { 128: "AES-128-CCM", 192: "AES-192-CCM", 256: "AES-256-CCM" },
    nonceBits: 96,
    ours: 234,
    oursValid: 153,
    refusedValid: 252,
  },
  {
    file: "aes_gcm_siv_test.json",
    byKeyBits: { 128: "AES-128-GCM-SIV", 256: "AES-256-GCM-SIV" },
    nonceBits: 96,
    ours: 202,
    oursValid: 136,
    refusedValid: 0,
  },
  {
    file: "chacha20_poly1305_test.json",
    byKeyBits: { 256: "ChaCha20-Poly1305" },
    nonceBits: 96,
    ours: 316,
    oursValid: 256,
    refusedValid: 0,
  },
  {
    file: "xchacha20_poly1305_test.json",
    byKeyBits: { 256: "XChaCha20-Poly1305" },
    nonceBits: 192,
    ours: 306,
    oursValid: 246,
    refusedValid: 0,
  },
];

for (const { file, byKeyBits, nonceBits, ours: oursCount, oursValid, refusedValid } of AEADS) {
  const ours = (group: Group): boolean => group["ivSize"] === nonceBits && group["tagSize"] === 128;
  const algorithmOf = (group: Group): AlgorithmName =>
    byKeyBits[group["keySize"] as number] ?? assert.fail("a key size nobody decided about");
  const opens = (item: Case, group: Group): boolean =>
    decryptsTo(
      () =>
        cipherOf(algorithmOf(group)).decrypt(
          keyOf(item),
          { ciphertext: Buffer.concat([hex(item, "ct"), hex(item, "tag")]), nonce: hex(item, "iv") },
          { additionalData: hex(item, "aad") },
        ),
      hex(item, "msg"),
    );

  wycheproof(file, oursCount, opens, { applies: ours });
  wycheproof(
    file,
    oursValid,
    (item, group) => {
      const params = { additionalData: hex(item, "aad"), nonce: hex(item, "iv") };
      const { ciphertext, nonce } = cipherOf(algorithmOf(group)).encrypt(keyOf(item), hex(item, "msg"), params);
      return nonce.equals(hex(item, "iv")) && ciphertext.equals(Buffer.concat([hex(item, "ct"), hex(item, "tag")]));
    },
    { applies: (group, item) => ours(group) && item.result === "valid" },
  );
  wycheproof(file, refusedValid, (item, group) => !opens(item, group), {
    applies: (group, item) => !ours(group) && item.result === "valid",
  });
  // What is invalid because of its nonce size stays refused.
  wycheproof(file, file.startsWith("aes_gcm_siv") ? 0 : file.startsWith("aes_ccm") ? 66 : 9, opens, {
    applies: (group, item) => !ours(group) && item.result === "invalid",
  });
}

/** The files number data units in as few bytes as they need; the tweak is that number in 16 little-endian bytes. */
function tweakOf(item: Case): Buffer {
  const tweak = Buffer.alloc(16);
  hex(item, "iv").copy(tweak);
  return tweak;
}

const XTS: Readonly<Record<number, AlgorithmName>> = { 256: "AES-128-XTS", 512: "AES-256-XTS" };
wycheproof(
  "aes_xts_test.json",
  82,
  (item, group) => {
    const cipher = cipherOf(XTS[group["keySize"] as number] as AlgorithmName);
    const made = cipher.encrypt(keyOf(item), hex(item, "msg"), { nonce: tweakOf(item) });
    const opened = decryptsTo(
      () => cipher.decrypt(keyOf(item), { ciphertext: hex(item, "ct"), nonce: tweakOf(item) }, {}),
      hex(item, "msg"),
    );
    return made.ciphertext.equals(hex(item, "ct")) && opened;
  },
  // AES-192-XTS is in no standard.
  { applies: (group) => group["keySize"] !== 384 },
);

const PLAINTEXT =
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const COUNTER = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
/** SP 800-38A F.5.1 to F.5.6: key, ciphertext. */
const CTR: readonly (readonly [AlgorithmName, string, string])[] = [
  [
    "AES-128-CTR",
    "2b7e151628aed2a6abf7158809cf4f3c",
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
  ],
  [
    "AES-192-CTR",
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
  ],
  [
    "AES-256-CTR",
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
  ],
];
for (const [algorithm, key, ciphertext] of CTR) {
  test(`SP 800-38A F.5: ${algorithm}`, () => {
    const [secret, plain] = [createSecretKey(Buffer.from(key, "hex")), Buffer.from(PLAINTEXT, "hex")];
    const nonce = Buffer.from(COUNTER, "hex");
    assert.equal(cipherOf(algorithm).encrypt(secret, plain, { nonce }).ciphertext.toString("hex"), ciphertext);
    assert.deepEqual(cipherOf(algorithm).decrypt(secret, { ciphertext: Buffer.from(ciphertext, "hex"), nonce }, {}), plain);
  });
}
