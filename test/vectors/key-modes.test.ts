/**
 * Wycheproof and SP 800-38A against AES keys that are used in several modes.
 *
 * The modes are mechanisms with vectors of their own; what is looked at here is that each request gets the one it named.
 */
import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { test } from "node:test";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { CipherMode } from "@keystead/contract/key-modes";
import { mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import { decryptsTo, hex, wycheproof, type Case, type Group } from "./wycheproof.ts";

const SIZES: Readonly<Record<number, AlgorithmName>> = { 128: "AES-128", 192: "AES-192", 256: "AES-256" };
const mechanismOf = (bits: unknown): ReturnType<typeof mechanismFor> => mechanismFor(SIZES[bits as number] as AlgorithmName);

function opens(item: Case, group: Group, mode: CipherMode): boolean {
  const { cipher } = mechanismOf(group["keySize"]);
  assert.ok(cipher !== undefined);
  const tag = mode === "cbc" ? Buffer.alloc(0) : hex(item, "tag");
  const sealed = { ciphertext: Buffer.concat([hex(item, "ct"), tag]), nonce: hex(item, "iv") };
  const params = mode === "cbc" ? { mode } : { mode, additionalData: hex(item, "aad") };
  return decryptsTo(() => cipher.decrypt(createSecretKey(hex(item, "key")), sealed, params), hex(item, "msg"));
}

const ours = (group: Group): boolean => group["ivSize"] === 96 && group["tagSize"] === 128;
/** From 8 to 64 bytes; the nonces of CCM are 12 bytes. */
const ofGcm = (group: Group): boolean => (group["ivSize"] as number) >= 64 && (group["ivSize"] as number) <= 512;
wycheproof("aes_gcm_test.json", 280, (item, group) => opens(item, group, "gcm"), { applies: ofGcm });
wycheproof("aes_ccm_test.json", 234, (item, group) => opens(item, group, "ccm"), { applies: ours });
wycheproof("aes_cbc_pkcs5_test.json", 216, (item, group) => opens(item, group, "cbc"));
wycheproof(
  "aes_cmac_test.json",
  306,
  (item, group) =>
    mechanismOf(group["keySize"]).macer?.verify(createSecretKey(hex(item, "key")), hex(item, "msg"), hex(item, "tag"), { mode: "cmac" }) ??
    assert.fail("no MACs"),
  { applies: (group) => (group["keySize"] as number) in SIZES },
);

const PLAINTEXT =
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
/** SP 800-38A F.2 (CBC) and F.5 (CTR), whose blocks are whole: algorithm, mode, key, IV or counter, ciphertext. */
const SP800_38A: readonly (readonly [AlgorithmName, CipherMode, string, string, string])[] = [
  [
    "AES-128",
    "cbc_no_padding",
    "2b7e151628aed2a6abf7158809cf4f3c",
    "000102030405060708090a0b0c0d0e0f",
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
  ],
  [
    "AES-192",
    "cbc_no_padding",
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    "000102030405060708090a0b0c0d0e0f",
    "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
  ],
  [
    "AES-256",
    "cbc_no_padding",
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    "000102030405060708090a0b0c0d0e0f",
    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
  ],
  [
    "AES-256",
    "ctr",
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
  ],
];
for (const [algorithm, mode, key, start, ciphertext] of SP800_38A) {
  test(`SP 800-38A F: ${algorithm} as ${mode}`, async () => {
    const { cipher } = mechanismFor(algorithm);
    assert.ok(cipher !== undefined);
    const [secret, plain] = [createSecretKey(Buffer.from(key, "hex")), Buffer.from(PLAINTEXT, "hex")];
    const nonce = Buffer.from(start, "hex");
    assert.equal(cipher.encrypt(secret, plain, { nonce, mode }).ciphertext.toString("hex"), ciphertext);
    assert.equal((await cipher.encryptPooled(secret, plain, { nonce, mode })).ciphertext.toString("hex"), ciphertext);
    const sealed = { ciphertext: Buffer.from(ciphertext, "hex"), nonce };
    assert.deepEqual(cipher.decrypt(secret, sealed, { mode }), plain);
    assert.deepEqual(await cipher.decryptPooled(secret, sealed, { mode }), plain);
  });
}
