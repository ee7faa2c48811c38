import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { readElement, readSequence, unsignedInteger } from "./der.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "hex");

test("walks over the nine numbers of an RSA key", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const der = privateKey.export({ format: "der", type: "pkcs1" });
  const numbers = readSequence(der)?.map((element) => unsignedInteger(der, element));
  assert.deepEqual(numbers?.map((number) => number?.byteLength).slice(0, 3), [0, 256, 3]);
  assert.equal(Buffer.from(numbers?.[1] ?? []).toString("base64url"), privateKey.export({ format: "jwk" }).n);
});

test("refuses every cut of a valid structure, and anything after it", () => {
  const der = bytes("3006020100040141");
  assert.equal(readSequence(der)?.length, 2);
  for (let length = 0; length < der.byteLength; length++) assert.equal(readSequence(der.subarray(0, length)), undefined);
  assert.equal(readSequence(Buffer.concat([der, Buffer.alloc(1)])), undefined);
});

test("refuses BER: indefinite and over-long lengths, an element past its parent", () => {
  for (const text of ["30800201000000", "308103020100", "30820003020100", "3003020200", "30850000000003020100"]) {
    assert.equal(readSequence(bytes(text)), undefined, text);
  }
  assert.equal(readElement(bytes("0403aabb"), 0), undefined);
  assert.equal(readSequence(bytes("3103020100")), undefined);
});

test("reads magnitudes and refuses negative, empty and padded integers", () => {
  const value = (text: string): string | undefined => {
    const read = unsignedInteger(bytes(text), readElement(bytes(text), 0));
    return read === undefined ? undefined : Buffer.from(read).toString("hex");
  };
  assert.deepEqual(["020100", "02017f", "02020080"].map(value), ["", "7f", "80"]);
  for (const text of ["0200", "020180", "0202007f", "02020000", "0203000080", "040101"]) assert.equal(value(text), undefined, text);
});

test("never throws and never leaves its input", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
      for (const { start, end } of readSequence(input) ?? []) assert.ok(start <= end && end <= input.byteLength);
    }),
    { numRuns: 2000 },
  );
});
