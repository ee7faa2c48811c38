/**
 * Wycheproof against AES-CMAC, AES-GMAC, KMAC and HMAC-SHA3-256; NIST's samples against KMAC with a customisation string
 * and HMAC with longer SHA-3.
 *
 * A tag shorter than the usual one is asked for by its length where the specification allows that length, and must be
 * refused without being asked for.
 */
import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { test } from "node:test";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Macer, MacParams } from "../../lib/crypto/mechanism.ts";
import { mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import { hex, wycheproof, type Case, type Group } from "./wycheproof.ts";

function macerOf(algorithm: AlgorithmName): Macer {
  const { macer } = mechanismFor(algorithm);
  assert.ok(macer !== undefined);
  return macer as Macer;
}

/** Our verdict under `params`; a code that is made must be the vector's exactly when the vector is valid. */
function verdict(macer: Macer, item: Case, params: MacParams): boolean {
  const [key, msg, tag] = [createSecretKey(hex(item, "key")), hex(item, "msg"), hex(item, "tag")];
  const valid = macer.verify(key, msg, tag, params);
  assert.equal(macer.mac(key, msg, params).mac.equals(tag), valid, `#${item.tcId}`);
  return valid;
}

const CMAC: Readonly<Record<number, AlgorithmName>> = { 128: "AES-128-CMAC", 192: "AES-192-CMAC", 256: "AES-256-CMAC" };
wycheproof("aes_cmac_test.json", 306, (item, group) => verdict(macerOf(CMAC[group["keySize"] as number] as AlgorithmName), item, {}), {
  applies: (group) => (group["keySize"] as number) in CMAC,
});
test("Wycheproof aes_cmac_test.json: keys of other sizes cannot be imported", () => {
  for (const bytes of [0, 1, 8, 20, 40])
    assert.throws(() => mechanismFor("AES-128-CMAC").importKey("raw", Buffer.alloc(bytes, 1)), { code: "INVALID_REQUEST" });
});

const GMAC: Readonly<Record<number, AlgorithmName>> = { 128: "AES-128-GMAC", 192: "AES-192-GMAC", 256: "AES-256-GMAC" };
const gmac = (item: Case, group: Group): boolean =>
  verdict(macerOf(GMAC[group["keySize"] as number] as AlgorithmName), item, { nonce: hex(item, "iv") });
// With nonces of 12 bytes, and of 16.
wycheproof("aes_gmac_test.json", 414, gmac);

for (const [file, algorithm, usualBits, cases] of [
  ["kmac128_no_customization_test.json", "KMAC128", 256, 174],
  ["kmac256_no_customization_test.json", "KMAC256", 512, 261],
] as const)
  wycheproof(file, cases, (item, group) => {
    const macer = macerOf(algorithm);
    const bits = group["tagSize"] as number;
    if (bits === usualBits) return verdict(macer, item, {});
    assert.equal(macer.verify(createSecretKey(hex(item, "key")), hex(item, "msg"), hex(item, "tag"), {}), false, "not asked for");
    return verdict(macer, item, { macBytes: bits / 8 });
  });

wycheproof("hmac_sha3_256_test.json", 174, (item, group) => {
  const macer = macerOf("HMAC-SHA3-256");
  if (group["tagSize"] === 256) return verdict(macer, item, {});
  assert.equal(macer.verify(createSecretKey(hex(item, "key")), hex(item, "msg"), hex(item, "tag"), {}), false, "not asked for");
  return verdict(macer, item, { macBytes: (group["tagSize"] as number) / 8 });
});

const SAMPLE_KEY = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f";
const SAMPLE_S = Buffer.from("My Tagged Application");
const LONG_DATA = Buffer.from(Array.from({ length: 200 }, (_, index) => index)).toString("hex");
const HMAC_TEXT = Buffer.from("Sample message for keylen<blocklen").toString("hex");
const counting = (bytes: number): string => Buffer.from(Array.from({ length: bytes }, (_, index) => index)).toString("hex");

/** Samples NIST published: "KMAC_samples.pdf" (SP 800-185) #1 to #6, and "HMAC_SHA3-384.pdf", "HMAC_SHA3-512.pdf" #1. */
const NIST: readonly (readonly [AlgorithmName, key: string, data: string, MacParams, tag: string])[] = [
  ["KMAC128", SAMPLE_KEY, "00010203", {}, "e5780b0d3ea6f7d3a429c5706aa43a00fadbd7d49628839e3187243f456ee14e"],
  ["KMAC128", SAMPLE_KEY, "00010203", { customization: SAMPLE_S }, "3b1fba963cd8b0b59e8c1a6d71888b7143651af8ba0a7070c0979e2811324aa5"],
  ["KMAC128", SAMPLE_KEY, LONG_DATA, { customization: SAMPLE_S }, "1f5b4e6cca02209e0dcb5ca635b89a15e271ecc760071dfd805faa38f9729230"],
  [
    "KMAC256",
    SAMPLE_KEY,
    "00010203",
    { customization: SAMPLE_S },
    "20c570c31346f703c9ac36c61c03cb64c3970d0cfc787e9b79599d273a68d2f7f69d4cc3de9d104a351689f27cf6f5951f0103f33f4f24871024d9c27773a8dd",
  ],
  [
    "KMAC256",
    SAMPLE_KEY,
    LONG_DATA,
    {},
    "75358cf39e41494e949707927cee0af20a3ff553904c86b08f21cc414bcfd691589d27cf5e15369cbbff8b9a4c2eb17800855d0235ff635da82533ec6b759b69",
  ],
  [
    "KMAC256",
    SAMPLE_KEY,
    LONG_DATA,
    { customization: SAMPLE_S },
    "b58618f71f92e1d56c1b8c55ddd7cd188b97b4ca4d99831eb2699a837da2e4d970fbacfde50033aea585f1a2708510c32d07880801bd182898fe476876fc8965",
  ],
  [
    "HMAC-SHA3-384",
    counting(48),
    HMAC_TEXT,
    {},
    "d588a3c51f3f2d906e8298c1199aa8ff6296218127f6b38a90b6afe2c5617725bc99987f79b22a557b6520db710b7f42",
  ],
  [
    "HMAC-SHA3-512",
    counting(64),
    HMAC_TEXT,
    {},
    "4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5f7ebe9868031db1a8f8eb7b6b95e5c5e3f657a8996c86a2f6527e307f0213196",
  ],
];
for (const [index, [algorithm, key, data, params, tag]] of NIST.entries())
  test(`NIST sample ${index + 1}: ${algorithm}`, () => {
    const { mac } = macerOf(algorithm).mac(createSecretKey(Buffer.from(key, "hex")), Buffer.from(data, "hex"), params);
    assert.equal(mac.toString("hex"), tag);
  });
