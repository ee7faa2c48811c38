/** The three forms a private ML-KEM key has in PKCS#8 (RFC 9935 §6), made by another implementation. */
import assert from "node:assert/strict";
import { createPublicKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { mechanisms } from "./register.ts";

/** One DER element. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...length), content]);
}

const SETS = [
  ["ML-KEM-512", ml_kem512, 1],
  ["ML-KEM-768", ml_kem768, 2],
  ["ML-KEM-1024", ml_kem1024, 3],
] as const;

for (const [name, noble, arc] of SETS) {
  const mechanism = mechanisms[name];
  const oid = Buffer.from(`06096086480165030404${arc.toString(16).padStart(2, "0")}`, "hex");
  const pkcs8 = (key: Uint8Array, ...more: readonly Uint8Array[]): Buffer =>
    der(0x30, Buffer.from("020100", "hex"), der(0x30, oid), der(0x04, key), ...more);
  const seed = randomBytes(64);
  const { publicKey, secretKey } = noble.keygen(seed);
  const other = noble.keygen(randomBytes(64));
  const [seedForm, expandedForm] = [der(0x80, seed), der(0x04, secretKey)];

  test(`${name}: seed, expanded key and both are one key, before and after it was stored`, () => {
    const { cipherText, sharedSecret } = noble.encapsulate(publicKey);
    for (const form of [seedForm, expandedForm, der(0x30, der(0x04, seed), expandedForm)]) {
      const key = mechanism.importKey("pkcs8", pkcs8(form));
      const stored = mechanism.load(mechanism.store(key));
      for (const each of [key, stored]) {
        assert.deepEqual(createPublicKey(each).export({ format: "raw-public" }), Buffer.from(publicKey));
        assert.deepEqual(mechanism.kem?.decapsulate(each, cipherText), Buffer.from(sharedSecret));
      }
    }
  });

  test(`${name}: a seed with another key's expansion, an expansion whose halves differ, and attributes are refused`, () => {
    const refused = { code: "INVALID_REQUEST" };
    const secretBytes = secretKey.length - publicKey.length - 64;
    const mixed = Buffer.concat([other.secretKey.subarray(0, secretBytes), secretKey.subarray(secretBytes)]);
    const edited = Buffer.from(secretKey);
    edited[secretBytes + 3] = (edited[secretBytes + 3] ?? 0) ^ 1;
    for (const form of [
      der(0x30, der(0x04, seed), der(0x04, other.secretKey)),
      der(0x30, der(0x04, randomBytes(64)), expandedForm),
      der(0x04, mixed),
      der(0x04, edited),
      der(0x04, secretKey.subarray(1)),
      der(0x80, seed.subarray(1)),
      der(0x04, seed),
    ])
      assert.throws(() => mechanism.importKey("pkcs8", pkcs8(form)), refused);
    assert.throws(() => mechanism.importKey("pkcs8", pkcs8(seedForm, der(0xa0))), refused);
    assert.throws(() => mechanism.importKey("raw", seed.subarray(1)), refused);
    assert.throws(() => mechanism.importKey("raw", secretKey), refused);
  });
}
