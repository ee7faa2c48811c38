/**
 * Signatures over a digest, held to OpenSSL's over the message: whoever verifies cannot tell them apart.
 */
import assert from "node:assert/strict";
import { constants, createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { ALGORITHMS, ALGORITHM_NAMES, DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { digest as digestOf } from "../digest.ts";
import { mechanismFor, mechanisms } from "./register.ts";

const NAMES: readonly DigestName[] = ["SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-384", "SHA3-512"];
const PARAM = { code: "MECHANISM_PARAM_INVALID" };
const DATA = Buffer.from("what was signed");
const CURVES = { "ECDSA-P256": p256, "ECDSA-P384": p384, "ECDSA-P521": p521, "ECDSA-secp256k1": secp256k1 } as const;

for (const [name, curve] of Object.entries(CURVES) as [keyof typeof CURVES, (typeof CURVES)[keyof typeof CURVES]][]) {
  const { signer, generate } = mechanisms[name];
  if (signer?.signDigest === undefined) throw new Error("no signer of digests");
  const signDigest = signer.signDigest.bind(signer);

  test(`${name}: a digest by any of six functions is signed as its message would be, in both forms, random and deterministic`, async () => {
    const key = await generate();
    const publicKey = createPublicKey(key);
    const point = publicKey.export({ format: "raw-public", type: "uncompressed" });
    for (const digest of NAMES) {
      const value = digestOf(digest, DATA);
      for (const deterministic of [false, true]) {
        const der = await signDigest(key, value, { digest, deterministic });
        assert.equal(verify(DIGESTS[digest].node as string, DATA, publicKey, der), true, digest);
        const raw = await signDigest(key, value, { digest, deterministic, format: "raw" });
        assert.equal(curve.verify(raw, value, point, { prehash: false, lowS: false }), true, digest);
        assert.equal(signer.verify(publicKey, DATA, raw, { digest, format: "raw" }), true);
        assert.equal(signer.verify(publicKey, Buffer.from("another"), raw, { digest, format: "raw" }), false);
        if (deterministic) assert.deepEqual(raw, signer.sign(key, DATA, { digest, deterministic, format: "raw" }));
      }
      const [one, two] = [await signDigest(key, value, { digest }), await signDigest(key, value, { digest })];
      assert.notDeepEqual(one, two, "random nonces");
    }
    const byDefault = name === "ECDSA-P384" ? "SHA-384" : name === "ECDSA-P521" ? "SHA-512" : "SHA-256";
    assert.equal(signer.verify(publicKey, DATA, await signDigest(key, digestOf(byDefault, DATA), {}), {}), true);
  });

  test(`${name}: five hundred signatures over digests are all good, zeros and ones among them`, async () => {
    const key = await generate();
    const point = createPublicKey(key).export({ format: "raw-public", type: "uncompressed" });
    for (let round = 0; round < (name === "ECDSA-P256" ? 500 : 40); round++) {
      const value = round === 0 ? Buffer.alloc(32) : round === 1 ? Buffer.alloc(32, 0xff) : digestOf("SHA-256", Buffer.from(`${round}`));
      const raw = await signDigest(key, value, { digest: "SHA-256", format: "raw" });
      assert.equal(curve.verify(raw, value, point, { prehash: false, lowS: name === "ECDSA-secp256k1" }), true, String(round));
    }
  });
}

for (const name of ["RSA-2048", "RSA-3072", "RSA-4096"] as const) {
  test(`${name}: a digest by any of six functions is signed as its message would be, PKCS#1 and PSS`, async () => {
    const { signer, generate } = mechanisms[name];
    const key = await generate();
    const publicKey = createPublicKey(key);
    for (const digest of NAMES) {
      const value = digestOf(digest, DATA);
      const node = DIGESTS[digest].node as string;
      const pkcs1 = (await signer?.signDigest?.(key, value, { digest, scheme: "pkcs1" })) as Buffer;
      assert.deepEqual(pkcs1, signer?.sign(key, DATA, { digest, scheme: "pkcs1" }), "PKCS#1 has one signature");
      for (const saltBytes of [undefined, 0, 1, 20, ALGORITHMS[name].sizeBits / 8 - value.byteLength - 2]) {
        const params = saltBytes === undefined ? { digest } : { digest, saltBytes };
        for (let round = 0; round < 4; round++) {
          const pss = (await signer?.signDigest?.(key, value, params)) as Buffer;
          const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltBytes ?? value.byteLength };
          assert.equal(verify(node, DATA, { key: publicKey, ...options }, pss), true, `${digest} ${saltBytes}`);
          assert.equal(signer?.verify(publicKey, DATA, pss, params), true);
          assert.equal(signer?.verify(publicKey, Buffer.from("another"), pss, params), false);
        }
      }
    }
  });
}

test("a digest of another length, a digest without a name here and wrong parameters are refused", async () => {
  for (const name of ["ECDSA-P256", "RSA-2048"] as const) {
    const { signer, generate } = mechanisms[name];
    const key = await generate();
    for (const length of [0, 20, 31, 33, 64]) await assert.rejects(async () => signer?.signDigest?.(key, Buffer.alloc(length), {}), PARAM);
    await assert.rejects(async () => signer?.signDigest?.(key, Buffer.alloc(32), { digest: "SHA-384" }), PARAM);
    await assert.rejects(async () => signer?.signDigest?.(key, Buffer.alloc(32), { digest: "BLAKE3" }), PARAM);
    await assert.rejects(async () => signer?.signDigest?.(key, Buffer.alloc(32), { context: Buffer.alloc(1) }), PARAM);
  }
});

test("only ECDSA and RSA sign digests", () => {
  for (const name of ALGORITHM_NAMES)
    assert.equal(
      mechanismFor(name).signer?.signDigest !== undefined,
      ["ec", "rsa"].includes(ALGORITHMS[name].family) && mechanismFor(name).signer !== undefined,
      name,
    );
});
