/**
 * The hybrids: X-Wing against its draft's vectors (x-wing.json says which) and against noble; the TLS ones against their
 * halves, computed by noble and put together as draft-ietf-tls-ecdhe-mlkem says.
 */
import assert from "node:assert/strict";
import { createPublicKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { x25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import { ml_kem768_x25519 as XWing } from "@noble/post-quantum/hybrid.js";
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { publicHalf } from "../../lib/crypto/formats/public-key.ts";
import { mechanisms } from "../../lib/crypto/mechanisms/register.ts";

interface XWingVector {
  readonly sk: string;
  readonly pk: string;
  readonly ct: string;
  readonly ss: string;
}

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const xWing = mechanisms["X-Wing"];

test("X-Wing: every vector of the draft", () => {
  const { cases } = JSON.parse(readFileSync(new URL("x-wing.json", import.meta.url), "utf8")) as { cases: readonly XWingVector[] };
  for (const { sk, pk, ct, ss } of cases) {
    const key = xWing.importKey("raw", hex(sk));
    assert.equal(key.publicHalf().publicBytes().toString("hex"), pk);
    assert.equal(xWing.kem?.decapsulate(key, hex(ct)).toString("hex"), ss);
  }
  assert.equal(cases.length, 3);
});

test("X-Wing: a key is its seed in PKCS#8, as the draft's own example has it", () => {
  // x509/xwing.priv of the draft's repository: the seed 00 01 ... 1f.
  const seed = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
  const der = Buffer.concat([hex("3034020100300d060b2b0601040183e62d81c87a0420"), seed]);
  const key = xWing.importKey("pkcs8", der);
  assert.deepEqual(xWing.store(key), der);
  assert.deepEqual(xWing.store(xWing.load(der)), der);
  assert.ok(key.equals(xWing.importKey("raw", seed)));
  for (const wrong of [der.subarray(1), der.subarray(0, -1), Buffer.concat([der, Buffer.alloc(1)]), Buffer.from(der.with(10, 0))])
    assert.throws(() => xWing.importKey("pkcs8", wrong), { code: "INVALID_REQUEST" });
  assert.throws(() => xWing.importKey("raw", randomBytes(96)), { code: "INVALID_REQUEST" });
});

test("X-Wing: noble decapsulates what is encapsulated here, the other way round, and both reject in the same way", async () => {
  const kem = xWing.kem ?? assert.fail();
  for (let round = 0; round < 5; round++) {
    const seed = randomBytes(32);
    const key = xWing.importKey("raw", seed);
    const theirs = XWing.keygen(seed);
    const { ciphertext, secret } = kem.encapsulate(key.publicHalf());
    assert.deepEqual(Buffer.from(XWing.decapsulate(ciphertext, theirs.secretKey)), secret);
    const made = XWing.encapsulate(theirs.publicKey);
    assert.deepEqual(kem.decapsulate(key, made.cipherText), Buffer.from(made.sharedSecret));
    assert.deepEqual(await kem.decapsulatePooled(key, made.cipherText), Buffer.from(made.sharedSecret));
    const wrong = Buffer.from(made.cipherText.with(5, (made.cipherText[5] ?? 0) ^ 1));
    assert.deepEqual(kem.decapsulate(key, wrong), Buffer.from(XWing.decapsulate(wrong, theirs.secretKey)));
    // A point of small order: another secret and no error, on both paths.
    const small = Buffer.concat([Buffer.from(made.cipherText).subarray(0, 1088), Buffer.alloc(32)]);
    const rejected = kem.decapsulate(key, small);
    assert.equal(rejected.byteLength, 32);
    assert.deepEqual(await kem.decapsulatePooled(key, small), rejected);
  }
});

const TLS = [
  ["X25519MLKEM768", ml_kem768, "x25519", true],
  ["SecP256r1MLKEM768", ml_kem768, "p256", false],
  ["SecP384r1MLKEM1024", ml_kem1024, "p384", false],
  ["SecP256r1MLKEM512", ml_kem512, "p256", false],
] as const;
/** The shared x-coordinate, by noble. */
const CURVES = {
  x25519: (secret: Uint8Array, peer: Uint8Array) => x25519.getSharedSecret(secret, peer),
  p256: (secret: Uint8Array, peer: Uint8Array) => p256.getSharedSecret(secret, peer).subarray(1),
  p384: (secret: Uint8Array, peer: Uint8Array) => p384.getSharedSecret(secret, peer).subarray(1),
};

for (const [name, mlKem, curve, mlKemFirst] of TLS) {
  const mechanism = mechanisms[name];
  const kem = mechanism.kem ?? assert.fail();

  test(`${name}: both secrets side by side, as noble computes each`, async () => {
    const key = await mechanism.generate();
    const publicKey = publicHalf(key);
    const [mlKemHalf, curveHalf] = mlKemFirst ? [key.first, key.second] : [key.second, key.first];
    const mlKemSecretKey = mlKem.keygen(mlKemHalf.export({ format: "raw-seed" } as never) as unknown as Uint8Array).secretKey;
    const scalar = curveHalf.export({ format: "raw-private" });
    const [mlKemPublic, curvePublic] = [mlKemHalf, curveHalf].map((half) => createPublicKey(half).export({ format: "raw-public" })) as [
      Buffer,
      Buffer,
    ];
    assert.deepEqual(publicKey.publicBytes(), Buffer.concat(mlKemFirst ? [mlKemPublic, curvePublic] : [curvePublic, mlKemPublic]));
    const split = mlKemFirst ? kem.ciphertextBytes - curvePublic.length : curvePublic.length;
    for (const { ciphertext, secret } of [kem.encapsulate(publicKey), await kem.encapsulatePooled(publicKey)]) {
      const [front, back] = [ciphertext.subarray(0, split), ciphertext.subarray(split)];
      const [mlKemCiphertext, point] = mlKemFirst ? [front, back] : [back, front];
      const [one, two] = [mlKem.decapsulate(mlKemCiphertext, mlKemSecretKey), CURVES[curve](scalar, point)];
      assert.deepEqual(secret, Buffer.concat(mlKemFirst ? [one, two] : [two, one]));
    }
  });

  test(`${name}: a point that is none, or of small order, is refused, and a wrong ML-KEM part is not told`, async () => {
    const key = await mechanism.generate();
    const { ciphertext, secret } = kem.encapsulate(publicHalf(key));
    const PARAM = { code: "MECHANISM_PARAM_INVALID" };
    const pointAt = mlKemFirst ? ciphertext.length - 32 : 0;
    const zeros = Buffer.from(ciphertext).fill(0, pointAt, mlKemFirst ? undefined : pointAt + 97);
    const wrongs = [zeros, ciphertext.subarray(1)];
    if (!mlKemFirst) wrongs.push(Buffer.from(ciphertext.with(20, (ciphertext[20] ?? 0) ^ 1)), Buffer.from(ciphertext.with(0, 6)));
    for (const wrong of wrongs) {
      assert.throws(() => kem.decapsulate(key, wrong), PARAM);
      await assert.rejects(kem.decapsulatePooled(key, wrong), PARAM);
    }
    const mlKemAt = mlKemFirst ? 7 : ciphertext.length - 7;
    const rejected = kem.decapsulate(key, Buffer.from(ciphertext.with(mlKemAt, (ciphertext[mlKemAt] ?? 0) ^ 1)));
    assert.equal(rejected.byteLength, secret.byteLength);
    assert.notDeepEqual(rejected, secret);
  });

  test(`${name}: comes in as its halves or as PKCS#8 of its own, whole and unchanged`, async () => {
    const key = await mechanism.generate();
    assert.ok(mechanism.importKey("raw", key.privateBytes()).equals(key));
    const der = mechanism.store(key);
    assert.ok(mechanism.importKey("pkcs8", der).equals(key));
    const other = mechanisms[name === "SecP256r1MLKEM768" ? "X25519MLKEM768" : "SecP256r1MLKEM768"];
    for (const [owner, format, bytes] of [
      [mechanism, "pkcs8", der.subarray(0, -1)],
      [mechanism, "raw", key.privateBytes().subarray(1)],
      [mechanism, "jwk", Buffer.from("{}")],
      [other, "pkcs8", der],
    ] as const)
      assert.throws(() => owner.importKey(format, bytes), { code: "INVALID_REQUEST" });
  });
}
