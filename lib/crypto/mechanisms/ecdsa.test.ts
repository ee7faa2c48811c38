import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { digest as digestOf } from "../digest.ts";
import { readSequence, unsignedInteger } from "../formats/der.ts";
import { derSequence, derUnsigned } from "../formats/der-writer.ts";
import { ecdsaP256, ecdsaP384, ecdsaP521, ecdsaSecp256k1 } from "./ecdsa.ts";

const CURVES = [
  [ecdsaP256, "SHA-256", 32],
  [ecdsaP384, "SHA-384", 48],
  [ecdsaP521, "SHA-512", 66],
  [ecdsaSecp256k1, "SHA-256", 32],
] as const;

for (const [mechanism, digest, scalarBytes] of CURVES) {
  const { signer } = mechanism;
  if (signer === undefined) throw new Error("no signer");
  const data = Buffer.from("sample");

  test(`${mechanism.algorithm}: the default digest is ${digest}, and no other`, async () => {
    const key = await mechanism.generate();
    const publicKey = createPublicKey(key);
    const signature = signer.sign(key, data, {});
    for (const name of Object.keys(DIGESTS).filter((each) => each !== "BLAKE3") as DigestName[]) {
      assert.equal(signer.verify(publicKey, data, signature, { digest: name }), name === digest, name);
    }
  });

  test(`${mechanism.algorithm}: two signatures over one message differ, and both verify`, async () => {
    const key = await mechanism.generate();
    const [one, two] = [signer.sign(key, data, {}), signer.sign(key, data, {})];
    assert.notDeepEqual(one, two);
    assert.ok(signer.verify(createPublicKey(key), data, one, {}) && signer.verify(createPublicKey(key), data, two, {}));
  });

  test(`${mechanism.algorithm}: DER and raw are the same two numbers`, async () => {
    const key = await mechanism.generate();
    const publicKey = createPublicKey(key);
    const raw = signer.sign(key, data, { format: "raw" });
    assert.equal(raw.byteLength, 2 * scalarBytes);
    const der = signer.sign(key, data, {});
    const fromDer = readSequence(der)?.map((element) =>
      Buffer.from(unsignedInteger(der, element) ?? [])
        .toString("hex")
        .padStart(2 * scalarBytes, "0"),
    );
    assert.equal(fromDer?.length, 2);
    assert.equal(signer.verify(publicKey, data, Buffer.from(fromDer.join(""), "hex"), { format: "raw" }), true);
    assert.equal(signer.verify(publicKey, data, raw, {}), false);
    assert.equal(signer.verify(publicKey, data, der, { format: "raw" }), false);
  });
}

/** RFC 6979 A.2.5 to A.2.7, and for secp256k1 a vector that every wallet has: key 1, SHA-256. Each with the message's own digest. */
const DETERMINISTIC = [
  {
    mechanism: ecdsaP256,
    scalar: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    message: "sample",
    digest: "SHA-256",
    signature:
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
  },
  {
    mechanism: ecdsaP384,
    scalar: "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
    message: "sample",
    digest: "SHA-384",
    signature:
      "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
  },
  {
    mechanism: ecdsaP521,
    scalar:
      "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
    message: "sample",
    digest: "SHA-512",
    signature:
      "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
  },
  {
    mechanism: ecdsaSecp256k1,
    scalar: "0000000000000000000000000000000000000000000000000000000000000001",
    message: "Satoshi Nakamoto",
    digest: "SHA-256",
    signature:
      "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
  },
] as const;

for (const { mechanism, scalar, message, digest, signature } of DETERMINISTIC) {
  const { signer } = mechanism;
  if (signer === undefined) throw new Error("no signer");
  test(`${mechanism.algorithm}: a deterministic signature is the published one, on both threads, in both forms`, async () => {
    const key = mechanism.importKey("raw", Buffer.from(scalar, "hex"));
    const data = Buffer.from(message);
    for (const params of [{ deterministic: true, format: "raw", digest } as const, { deterministic: true, format: "raw" } as const]) {
      assert.equal(signer.sign(key, data, params).toString("hex"), signature);
      assert.equal((await signer.signPooled(key, data, params)).toString("hex"), signature);
    }
    const der = await signer.signPooled(key, data, { deterministic: true });
    assert.equal(signer.verify(createPublicKey(key), data, der, {}), true);
  });
}

/** noble's curves by mechanism: another implementation of RFC 6979 and of the rule about low s. */
const NOBLE = [
  [ecdsaP256, p256],
  [ecdsaP384, p384],
  [ecdsaP521, p521],
  [ecdsaSecp256k1, secp256k1],
] as const;

for (const [mechanism, curve] of NOBLE) {
  const { signer } = mechanism;
  if (signer === undefined) throw new Error("no signer");
  const lowS = mechanism === ecdsaSecp256k1;
  test(`${mechanism.algorithm}: the largest private scalar is the order less one`, () => {
    const scalarBytes = curve.lengths.secretKey as number;
    const bytes = (number: bigint): Buffer => Buffer.from(number.toString(16).padStart(2 * scalarBytes, "0"), "hex");
    const order = curve.Point.Fn.ORDER;
    const largest = mechanism.importKey("raw", bytes(order - 1n));
    assert.deepEqual(largest.export({ format: "raw-private" }), bytes(order - 1n));
    for (const wrong of [0n, order, order + 1n])
      assert.throws(() => mechanism.importKey("raw", bytes(wrong)), { code: "INVALID_REQUEST", detail: /out of range/ });
  });

  test(`${mechanism.algorithm}: deterministic signatures are noble's for every digest; random ones noble accepts`, async () => {
    const key = await mechanism.generate();
    const scalar = key.export({ format: "raw-private" });
    const point = createPublicKey(key).export({ format: "raw-public", type: "uncompressed" });
    for (const [round, digest] of (["SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-512"] as const).entries()) {
      const data = Buffer.from(`message ${round}`);
      const hashed = digestOf(digest, data);
      const ours = await signer.signPooled(key, data, { digest, deterministic: true, format: "raw" });
      // noble makes its nonces with the curve's own hash, which RFC 6979 ties to the message's.
      if (digest === (mechanism === ecdsaP384 ? "SHA-384" : mechanism === ecdsaP521 ? "SHA-512" : "SHA-256"))
        assert.deepEqual(new Uint8Array(ours), curve.sign(hashed, scalar, { prehash: false, lowS }));
      const random = signer.sign(key, data, { digest, format: "raw" });
      for (const signature of [ours, random]) assert.equal(curve.verify(signature, hashed, point, { prehash: false, lowS }), true, digest);
    }
  });
}

test("ECDSA-secp256k1: the higher of the two values of s is neither made nor accepted, raw or DER", async () => {
  const { signer } = ecdsaSecp256k1;
  const n = secp256k1.Point.Fn.ORDER;
  const key = await ecdsaSecp256k1.generate();
  const publicKey = createPublicKey(key);
  for (let round = 0; round < 40; round++) {
    const data = Buffer.from(`message ${round}`);
    const raw = signer?.sign(key, data, { format: "raw" }) as Buffer;
    const s = BigInt(`0x${raw.subarray(32).toString("hex")}`);
    assert.ok(s <= n / 2n);
    const high = Buffer.concat([raw.subarray(0, 32), Buffer.from((n - s).toString(16).padStart(64, "0"), "hex")]);
    assert.ok(verify("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, high), "it would be a signature");
    assert.equal(signer?.verify(publicKey, data, high, { format: "raw" }), false);
    const highDer = derSequence(derUnsigned(high.subarray(0, 32)), derUnsigned(high.subarray(32)));
    assert.ok(verify("sha256", data, publicKey, highDer));
    assert.equal(signer?.verify(publicKey, data, highDer, {}), false);
    assert.equal(await signer?.verifyPooled(publicKey, data, highDer, {}), false);
    const der = (await signer?.signPooled(key, data, {})) as Buffer;
    assert.equal(signer?.verify(publicKey, data, der, {}), true);
    assert.ok(verify("sha256", data, publicKey, der));
  }
});
