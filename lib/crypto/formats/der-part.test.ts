import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  MalformedDer,
  booleanValue,
  derChildren,
  derPart,
  derParts,
  integerHex,
  objectIdentifier,
  setBits,
  timeValue,
  wholeBits,
} from "./der-part.ts";
import { derBitString, derBoolean, derElement, derObjectIdentifier, derSequence, derUnsigned } from "./der-writer.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const refuses = (read: () => unknown, what: string): void => assert.throws(read, (error: unknown) => error instanceof MalformedDer, what);

test("what was written is read back, whole", () => {
  const whole = derSequence(derUnsigned(hex("80")), derBoolean(true), derObjectIdentifier("2.25.340282366920938463463374607431768211455"));
  const part = derPart(whole);
  const [number, flag, name] = derChildren(part);
  assert.ok(part.whole.equals(whole));
  assert.deepEqual(
    [integerHex(number), booleanValue(flag), objectIdentifier(name)],
    ["0080", true, "2.25.340282366920938463463374607431768211455"],
  );
});

test("object identifiers come back as they went in", () => {
  fc.assert(
    fc.property(fc.constantFrom("0.1", "1.39", "2.5", "2.999"), fc.array(fc.nat(0xffffffff), { maxLength: 8 }), (first, rest) => {
      const dotted = [first, ...rest].join(".");
      assert.equal(objectIdentifier(derPart(derObjectIdentifier(dotted))), dotted);
    }),
  );
});

test("bits are numbered from the first, and unused ones do not count", () => {
  assert.deepEqual([...setBits(derPart(derBitString(hex("06"), 1)))], [5, 6]);
  assert.deepEqual([...setBits(derPart(derBitString(hex("8080"), 7)))], [0, 8]);
  assert.ok(wholeBits(derPart(derBitString(hex("ff00")))).equals(hex("ff00")));
});

test("times are read in both forms, with the century of RFC 5280", () => {
  const utc = (text: string): number => timeValue(derPart(derElement(0x17, Buffer.from(text))));
  const general = (text: string): number => timeValue(derPart(derElement(0x18, Buffer.from(text))));
  assert.equal(utc("491231235959Z"), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(utc("500101000000Z"), Date.UTC(1950, 0, 1));
  assert.equal(general("20500229000000Z".replace("0229", "0228")), Date.UTC(2050, 1, 28));
  for (const text of ["20500229000000Z", "20501301000000Z", "205001010000Z", "20500101000000", "20500101000000+0000", "20500101000000.5Z"])
    refuses(() => general(text), text);
  for (const text of ["4912312359Z", "491231235959", "20491231235959Z", "490231000000Z"]) refuses(() => utc(text), text);
});

test("bytes that are not one DER element, or not the one that is wanted, are refused", () => {
  for (const text of ["", "30", "3080", "308000", "30810100", "30820001ff", "3001", "300000", "1f2a00", "3f810000"])
    refuses(() => derPart(hex(text)), text);
  refuses(() => derParts(hex("05000500ff")), "a rest");
  refuses(() => derChildren(derPart(hex("0500"))), "another tag");
  refuses(() => derChildren(undefined), "nothing");
  for (const text of ["0200", "02020001", "0202ff80"]) refuses(() => integerHex(derPart(hex(text))), text);
  for (const text of ["0100", "010101", "0102ffff"]) refuses(() => booleanValue(derPart(hex(text))), text);
  for (const text of ["0600", "060180", "06028001", "0602ff", "06022a80"]) refuses(() => objectIdentifier(derPart(hex(text))), text);
  for (const text of ["0300", "030108", "030101"]) refuses(() => setBits(derPart(hex(text))), text);
  refuses(() => wholeBits(derPart(hex("030201fe"))), "unused bits");
});

test("no bytes crash it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        for (const part of derParts(Buffer.from(bytes))) objectIdentifier(part);
      } catch (error) {
        assert.ok(error instanceof MalformedDer);
      }
    }),
  );
});
