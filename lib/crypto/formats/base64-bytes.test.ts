import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { base64Bytes, bytesOfBase64 } from "./base64-bytes.ts";

test("what is written is what Node writes, and is read again, padded or not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = base64Bytes(bytes);
      assert.equal(text.toString("latin1"), Buffer.from(bytes).toString("base64"));
      assert.deepEqual(Uint8Array.from(bytesOfBase64(text) ?? []), bytes);
      assert.deepEqual(Uint8Array.from(bytesOfBase64(Buffer.from(text.toString("latin1").replace(/=+$/, ""))) ?? []), bytes);
    }),
  );
});

test("what is read is what was written: no other text stands for the same bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."AQg=/+ -_\n"), maxLength: 12 }), (text) => {
      const bytes = bytesOfBase64(Buffer.from(text, "latin1"));
      if (bytes === undefined) return;
      assert.ok([bytes.toString("base64"), bytes.toString("base64").replace(/=+$/, "")].includes(text), text);
    }),
  );
});
