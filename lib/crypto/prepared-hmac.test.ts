import assert from "node:assert/strict";
import { createHmac, createSecretKey } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { PreparedHmac } from "./prepared-hmac.ts";

test("is HMAC-SHA-256 for every key up to a block and every 32-byte message", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (key, message) => {
      const secret = createSecretKey(key);
      const hex = Buffer.from(message).toString("hex");
      const prepared = new PreparedHmac(secret);
      const expected = createHmac("sha256", secret).update(message).digest("hex");
      assert.equal(prepared.macHex(hex), expected);
      assert.equal(prepared.macHex(hex), expected, "the second time too");
    }),
  );
});

test("refuses a key longer than a block", () => {
  assert.throws(() => new PreparedHmac(createSecretKey(Buffer.alloc(65, 1))), RangeError);
});

test("a wiped key makes no MAC of it", () => {
  const secret = createSecretKey(Buffer.alloc(32, 7));
  const prepared = new PreparedHmac(secret);
  const before = prepared.macHex("00".repeat(32));
  prepared.wipe();
  assert.notEqual(prepared.macHex("00".repeat(32)), before);
});
