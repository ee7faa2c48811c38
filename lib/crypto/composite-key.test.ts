import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { CompositeKey, ecHalf, rawHalf, type CompositeForm, type HalfForm } from "./composite-key.ts";

const HALVES: readonly [name: string, half: HalfForm, generate: () => KeyObject][] = [
  ["ML-DSA-44", rawHalf("ml-dsa-44", 1312, 32), () => generateKeyPairSync("ml-dsa-44").privateKey],
  ["ML-KEM-768", rawHalf("ml-kem-768", 1184, 64), () => generateKeyPairSync("ml-kem-768").privateKey],
  ["Ed25519", rawHalf("ed25519", 32, 32), () => generateKeyPairSync("ed25519").privateKey],
  ["X25519", rawHalf("x25519", 32, 32), () => generateKeyPairSync("x25519").privateKey],
  ["P-256", ecHalf("P-256"), () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
  ["P-384", ecHalf("P-384"), () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey],
];

for (const [firstName, first, makeFirst] of HALVES.slice(0, 2)) {
  for (const [secondName, second, makeSecond] of HALVES.slice(2)) {
    const form: CompositeForm = { oid: "2.999.1", first, second };

    test(`${firstName} with ${secondName}: what is written is read back, public and private`, () => {
      const key = new CompositeKey(form, makeFirst(), makeSecond());
      const der = key.privateKeyDer();
      assert.equal(der.buffer.byteLength, der.byteLength, "on memory of its own");
      assert.equal(key.privateBytes().byteLength, first.privateBytes + second.privateBytes);
      assert.equal(key.publicBytes().byteLength, first.publicBytes + second.publicBytes);
      assert.ok(CompositeKey.fromPrivateKeyDer(form, der)?.equals(key));
      assert.ok(CompositeKey.fromPrivateBytes(form, key.privateBytes())?.equals(key));
      const publicHalf = key.publicHalf();
      assert.equal(publicHalf.type, "public");
      assert.equal(publicHalf.equals(key), false);
      assert.deepEqual(publicHalf.publicKeyDer(), key.publicKeyDer());
      assert.ok(CompositeKey.fromPublicKeyDer(form, key.publicKeyDer())?.equals(publicHalf));
      assert.ok(CompositeKey.fromPublicBytes(form, key.publicBytes())?.equals(publicHalf));
      assert.throws(() => publicHalf.privateBytes(), TypeError);
      for (const other of [new CompositeKey(form, key.first, makeSecond()), new CompositeKey(form, makeFirst(), key.second)])
        assert.equal(key.equals(other), false, "one half is another");
      assert.equal(new CompositeKey({ ...form, oid: "2.999.2" }, key.first, key.second).equals(key), false);
    });

    test(`${firstName} with ${secondName}: nothing that is cut, longer or of another algorithm is read`, () => {
      const key = new CompositeKey(form, makeFirst(), makeSecond());
      const spoilt = (bytes: Buffer): Buffer[] => [
        Buffer.alloc(0),
        bytes.subarray(1),
        bytes.subarray(0, -1),
        Buffer.concat([bytes, Buffer.alloc(1)]),
      ];
      for (const bytes of spoilt(key.privateKeyDer())) assert.equal(CompositeKey.fromPrivateKeyDer(form, bytes), undefined);
      for (const bytes of spoilt(key.privateBytes())) assert.equal(CompositeKey.fromPrivateBytes(form, bytes), undefined);
      for (const bytes of spoilt(key.publicKeyDer())) assert.equal(CompositeKey.fromPublicKeyDer(form, bytes), undefined);
      for (const bytes of spoilt(key.publicBytes())) assert.equal(CompositeKey.fromPublicBytes(form, bytes), undefined);
      const other: CompositeForm = { ...form, oid: "2.999.2" };
      assert.equal(CompositeKey.fromPrivateKeyDer(other, key.privateKeyDer()), undefined);
      assert.equal(CompositeKey.fromPublicKeyDer(other, key.publicKeyDer()), undefined);
    });
  }
}

test("a key's halves are of one type, and neither is secret", () => {
  const form: CompositeForm = { oid: "2.999.1", first: rawHalf("ed25519", 32, 32), second: rawHalf("x25519", 32, 32) };
  const [one, two] = [generateKeyPairSync("ed25519"), generateKeyPairSync("x25519")];
  assert.throws(() => new CompositeKey(form, one.privateKey, two.publicKey), TypeError);
  assert.throws(() => new CompositeKey(form, one.publicKey, two.privateKey), TypeError);
});

test("an elliptic half is refused when its point is compressed or its ECPrivateKey is of another curve", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const half = ecHalf("P-256");
  assert.throws(() => half.readPublic(publicKey.export({ format: "raw-public", type: "compressed" })));
  const bytes = half.writePrivate(privateKey);
  assert.ok(half.readPrivate(bytes).equals(privateKey));
  for (let at = 0; at < bytes.byteLength; at++) {
    if (at >= 7 && at < 39) continue; // the scalar
    assert.throws(() => half.readPrivate(bytes.with(at, (bytes[at] ?? 0) ^ 1)), `byte ${at}`);
  }
});
