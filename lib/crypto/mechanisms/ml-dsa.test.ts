import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import { derElement, derInteger, derObjectIdentifier, derOctetString, derSequence } from "../formats/der-writer.ts";
import { mlDsa44, mlDsa65 } from "./ml-dsa.ts";
import { slhDsaSha2_128f } from "./slh-dsa.ts";

const SEED = Buffer.alloc(32, 9);
const OID = "2.16.840.1.101.3.4.3.18";
/** PKCS#8 around one of the three forms of RFC 9881 §6. */
const pkcs8 = (form: Buffer, ...more: readonly Buffer[]): Buffer =>
  derSequence(derInteger(0), derSequence(derObjectIdentifier(OID)), derOctetString(form), ...more);
const expanded = (seed: Buffer): Buffer => Buffer.from(ml_dsa65.keygen(seed).secretKey);
const seedOnly = derElement(0x80, SEED);

test("ML-DSA-65: a key comes in as its seed, expanded, or both, and is the same key", () => {
  const key = mlDsa65.importKey("raw", SEED);
  const both = derSequence(derOctetString(SEED), derOctetString(expanded(SEED)));
  for (const form of [seedOnly, derOctetString(expanded(SEED)), both]) {
    const imported = mlDsa65.importKey("pkcs8", pkcs8(form));
    const stored = mlDsa65.store(imported);
    const loaded = mlDsa65.load(stored);
    const signature = mlDsa65.signer?.sign(loaded, Buffer.from("data"), {}) as Buffer;
    assert.equal(ml_dsa65.verify(signature, Buffer.from("data"), ml_dsa65.keygen(SEED).publicKey), true);
  }
  assert.ok(mlDsa65.importKey("pkcs8", pkcs8(seedOnly)).equals(key));
  assert.ok(mlDsa65.importKey("pkcs8", pkcs8(both)).equals(key));
});

test("ML-DSA-65: refuses two forms that differ, an expanded key that does not fit itself, attributes, and another size", () => {
  const refused = { code: "INVALID_REQUEST" };
  const mixed = derSequence(derOctetString(SEED), derOctetString(expanded(Buffer.alloc(32, 8))));
  assert.throws(() => mlDsa65.importKey("pkcs8", pkcs8(mixed)), refused);
  const wrong = expanded(SEED);
  wrong[wrong.byteLength - 1] = (wrong.at(-1) ?? 0) ^ 1; // t0
  assert.throws(() => mlDsa65.importKey("pkcs8", pkcs8(derOctetString(wrong))), refused);
  assert.throws(() => mlDsa65.importKey("pkcs8", pkcs8(seedOnly, derElement(0xa0))), { ...refused, detail: /attributes/ });
  assert.throws(() => mlDsa65.importKey("raw", SEED.subarray(1)), { ...refused, detail: /32 bytes/ });
  const other: KeyObject = generateKeyPairSync("ml-dsa-44").privateKey;
  assert.throws(() => mlDsa65.importKey("pkcs8", other.export({ format: "der", type: "pkcs8" })), refused);
  assert.throws(() => mlDsa44.load(mlDsa65.store(createPrivateKey({ key: SEED, format: "raw-seed", asymmetricKeyType: "ml-dsa-65" }))), {
    code: "INTEGRITY_FAILURE",
  });
});

test("the pre-hashed variants are refused by name", () => {
  const refusal = (name: RegExp) => ({ code: "MECHANISM_PARAM_INVALID", detail: name });
  assert.throws(() => mlDsa65.signer?.check({ scheme: "prehash" }), refusal(/HashML-DSA is not supported/));
  assert.throws(() => slhDsaSha2_128f.signer?.check({ scheme: "prehash" }), refusal(/HashSLH-DSA is not supported/));
});

test("SLH-DSA: refuses a private key of another length, and PKCS#8 with attributes", async () => {
  const key = await slhDsaSha2_128f.generate();
  const raw = key.export({ format: "raw-private" });
  assert.ok(slhDsaSha2_128f.importKey("raw", raw).equals(key));
  assert.throws(() => slhDsaSha2_128f.importKey("raw", raw.subarray(1)), { code: "INVALID_REQUEST", detail: /64 bytes/ });
  const algorithm = derSequence(derObjectIdentifier("2.16.840.1.101.3.4.3.21"));
  const plain = derSequence(derInteger(0), algorithm, derOctetString(raw));
  assert.ok(slhDsaSha2_128f.importKey("pkcs8", plain).equals(key));
  const attributes = derSequence(derInteger(0), algorithm, derOctetString(raw), derElement(0xa0));
  assert.throws(() => slhDsaSha2_128f.importKey("pkcs8", attributes), { code: "INVALID_REQUEST" });
});
