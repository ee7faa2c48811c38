/**
 * Composite signatures against the draft's own vectors, and each half against noble.
 *
 * The vectors lie beside this file, as the draft's repository publishes them; `source` says which version.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { CompositeKey } from "../../lib/crypto/composite-key.ts";
import { publicKeyDer } from "../../lib/crypto/formats/public-key.ts";
import { loadPublicKey, mechanisms } from "../../lib/crypto/mechanisms/register.ts";

const vectors = JSON.parse(readFileSync(new URL("composite-signatures.json", import.meta.url), "utf8")) as {
  readonly m: string;
  readonly ctx: string;
  readonly tests: readonly Record<"tcId" | "pk" | "sk" | "sk_pkcs8" | "s" | "sWithContext", string>[];
};
const bytes = (text: string): Buffer => Buffer.from(text, "base64");
const MESSAGE = bytes(vectors.m);
const CONTEXT = bytes(vectors.ctx);

/** Does noble accept `signature` of the second half over `message`? */
type Second = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
const PAIRS = [
  [
    "ML-DSA-44-ECDSA-P256",
    "id-MLDSA44-ECDSA-P256-SHA256",
    ml_dsa44,
    "sha256",
    (s, m, k) => p256.verify(s, m, k, { format: "der", lowS: false }),
  ],
  [
    "ML-DSA-65-ECDSA-P256",
    "id-MLDSA65-ECDSA-P256-SHA512",
    ml_dsa65,
    "sha512",
    (s, m, k) => p256.verify(s, m, k, { format: "der", lowS: false }),
  ],
  [
    "ML-DSA-87-ECDSA-P384",
    "id-MLDSA87-ECDSA-P384-SHA512",
    ml_dsa87,
    "sha512",
    (s, m, k) => p384.verify(s, m, k, { format: "der", lowS: false }),
  ],
  ["ML-DSA-65-Ed25519", "id-MLDSA65-Ed25519-SHA512", ml_dsa65, "sha512", (s, m, k) => ed25519.verify(s, m, k)],
] as const satisfies readonly (readonly [string, string, unknown, string, Second])[];

for (const [name, id, mlDsa, digest, second] of PAIRS) {
  const mechanism = mechanisms[name];
  const { signer, form } = mechanism;
  const vector = vectors.tests.find(({ tcId }) => tcId === id);
  if (signer === undefined || form === undefined || vector === undefined) throw new Error(`${name} has no signer or no vector`);
  const key = mechanism.importKey("raw", bytes(vector.sk));
  const publicKey = key.publicHalf();

  test(`${name}: the draft's keys and signatures are ours`, async () => {
    assert.deepEqual(publicKey.publicBytes(), bytes(vector.pk));
    assert.deepEqual(key.privateBytes(), bytes(vector.sk));
    assert.deepEqual(key.privateKeyDer(), bytes(vector.sk_pkcs8));
    assert.ok(mechanism.importKey("pkcs8", bytes(vector.sk_pkcs8)).equals(key));
    assert.ok((loadPublicKey(name, publicKeyDer(key)) as CompositeKey).equals(publicKey));
    for (const [signature, params] of [
      [bytes(vector.s), {}],
      [bytes(vector.sWithContext), { context: CONTEXT }],
    ] as const) {
      assert.equal(signer.verify(publicKey, MESSAGE, signature, params), true);
      assert.equal(await signer.verifyPooled(publicKey, MESSAGE, signature, params), true);
      assert.equal(signer.verify(publicKey, MESSAGE, signature, { context: Buffer.from("another") }), false);
      assert.equal(signer.verify(publicKey, Buffer.from("another"), signature, params), false);
    }
  });

  test(`${name}: noble accepts each half over the draft's representative of the message`, async () => {
    const fresh = await mechanism.generate();
    const own = fresh.publicHalf().publicBytes();
    const label = Buffer.from(`COMPSIG-${id.slice(3)}`);
    for (const context of [Buffer.alloc(0), CONTEXT]) {
      const signature = await signer.signPooled(fresh, MESSAGE, context.byteLength === 0 ? {} : { context });
      const represented = Buffer.concat([
        Buffer.from("CompositeAlgorithmSignatures2025"),
        label,
        Uint8Array.of(context.byteLength),
        context,
        hash(digest, MESSAGE, "buffer"),
      ]);
      const cut = mlDsa.lengths.signature as number;
      const firstKey = own.subarray(0, form.first.publicBytes);
      const secondKey: Uint8Array = own.subarray(form.first.publicBytes);
      assert.equal(mlDsa.verify(signature.subarray(0, cut), represented, firstKey, { context: label }), true);
      assert.equal(second(signature.subarray(cut), represented, secondKey), true);
    }
  });

  test(`${name}: a signature with one half of another key, another message or nothing is not valid`, async () => {
    const [ours, theirs] = [await mechanism.generate(), await mechanism.generate()];
    const own = ours.publicHalf();
    const cut = mlDsa.lengths.signature as number;
    const [one, other] = [signer.sign(ours, MESSAGE, {}), signer.sign(theirs, MESSAGE, {})];
    const elsewhere = signer.sign(ours, Buffer.from("another message"), {});
    assert.equal(signer.verify(own, MESSAGE, one, {}), true);
    for (const wrong of [other, elsewhere]) {
      for (const mixed of [
        Buffer.concat([one.subarray(0, cut), wrong.subarray(cut)]),
        Buffer.concat([wrong.subarray(0, cut), one.subarray(cut)]),
      ]) {
        assert.equal(signer.verify(own, MESSAGE, mixed, {}), false);
        assert.equal(await signer.verifyPooled(own, MESSAGE, mixed, {}), false);
      }
    }
    for (const half of [one.subarray(0, cut), one.subarray(cut), Buffer.alloc(0)]) {
      assert.equal(signer.verify(own, MESSAGE, half, {}), false);
      assert.equal(await signer.verifyPooled(own, MESSAGE, half, {}), false);
    }
  });

  test(`${name}: refuses keys that are cut, longer, of another pair, or in a form that has no room for two`, () => {
    const refused = { code: "INVALID_REQUEST" };
    const raw = bytes(vector.sk);
    const der = bytes(vector.sk_pkcs8);
    for (const wrong of [raw.subarray(1), Buffer.concat([raw, Buffer.alloc(1)]), Buffer.alloc(0)])
      assert.throws(() => mechanism.importKey("raw", wrong), refused);
    for (const wrong of [der.subarray(0, -1), Buffer.concat([der, Buffer.alloc(1)]), Buffer.alloc(20_000)])
      assert.throws(() => mechanism.importKey("pkcs8", wrong), refused);
    for (const [stranger] of PAIRS) if (stranger !== name) assert.throws(() => mechanisms[stranger].importKey("pkcs8", der), refused);
    for (const format of ["jwk", "sec1"] as const) assert.throws(() => mechanism.importKey(format, der), refused);
    const pem = `-----BEGIN PRIVATE ${""}KEY-----\n${der.toString("base64")}\n-----END PRIVATE ${""}KEY-----\n`;
    assert.ok(mechanism.importKey("pem", Buffer.from(pem)).equals(key));
  });
}
