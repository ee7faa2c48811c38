import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { DER_INTEGER, readElement, readSequence, unsignedInteger } from "./der.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derUnsigned,
} from "./der-writer.ts";

test("lengths are the shortest possible at every border", () => {
  for (const [length, header] of [
    [0, "0400"],
    [1, "0401"],
    [127, "047f"],
    [128, "048180"],
    [255, "0481ff"],
    [256, "04820100"],
    [65535, "0482ffff"],
    [65536, "0483010000"],
  ] as const)
    assert.equal(
      derOctetString(Buffer.alloc(length))
        .subarray(0, header.length / 2)
        .toString("hex"),
      header,
    );
});

test("what is written is read back whole", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (contents) => {
      const written = derSequence(...contents.map((content) => derElement(0x04, content)));
      assert.deepEqual(
        readSequence(written)?.map(({ start, end }) => new Uint8Array(written.subarray(start, end))),
        contents,
      );
      assert.equal(written.buffer.byteLength, written.byteLength, "on memory of its own");
    }),
  );
});

test("an INTEGER is non-negative and has no needless zero", () => {
  for (const [value, hex] of [
    [0, "020100"],
    [1, "020101"],
    [127, "02017f"],
    [128, "02020080"],
    [256, "02020100"],
    [65537, "0203010001"],
  ] as const)
    assert.equal(derInteger(value).toString("hex"), hex);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (magnitude) => {
      const written = derUnsigned(magnitude);
      const element = readElement(written, 0);
      assert.equal(element?.tag, DER_INTEGER);
      const zeros = magnitude.findIndex((byte) => byte !== 0);
      assert.deepEqual(
        new Uint8Array(unsignedInteger(written, element) ?? []),
        zeros === -1 ? new Uint8Array() : magnitude.subarray(zeros),
      );
    }),
  );
});

test("object identifiers are those OpenSSL writes", () => {
  for (const [type, oid] of [
    ["ed25519", "1.3.101.112"],
    ["ed448", "1.3.101.113"],
    ["ml-dsa-65", "2.16.840.1.101.3.4.3.18"],
  ] as const) {
    const { publicKey } = generateKeyPairSync(type as "ed25519");
    const spki = derSequence(derSequence(derObjectIdentifier(oid)), derBitString(publicKey.export({ format: "raw-public" })));
    assert.deepEqual(spki, publicKey.export({ format: "der", type: "spki" }));
    assert.ok(createPublicKey({ key: spki, format: "der", type: "spki" }).equals(publicKey));
  }
  // ITU-T X.667 Annex A: the UUID f81d4fae-7dec-11d0-a765-00a0c91e6bf6.
  assert.equal(
    derObjectIdentifier("2.25.329800735698586629295641978511506172918").toString("hex"),
    "0614698 3f09da7ebcfdee0c7a1a7b2c0948cc8f9d776".replace(" ", ""),
  );
  assert.equal(derObjectIdentifier("2.999.1").toString("hex"), "0603883701");
  for (const wrong of ["", "1", "1.x", "1.2.-3"]) assert.throws(() => derObjectIdentifier(wrong), RangeError);
});

test("NULL, booleans and bit strings", () => {
  assert.equal(derNull().toString("hex"), "0500");
  assert.equal(derBoolean(true).toString("hex"), "0101ff");
  assert.equal(derBoolean(false).toString("hex"), "010100");
  assert.equal(derBitString(Uint8Array.of(0x80), 7).toString("hex"), "03020780");
});
