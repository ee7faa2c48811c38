import assert from "node:assert/strict";
import { test } from "node:test";
import { copySecret, secretBuffer, wipe, wipeAfter } from "./wipe.ts";

test("secret buffers have memory of their own", () => {
  for (const size of [0, 1, 32, 4096, 70_000]) {
    const made = secretBuffer(size);
    assert.equal(made.buffer.byteLength, size);
    assert.ok(made.every((byte) => byte === 0));
    assert.equal(copySecret(Buffer.from("pooled")).buffer.byteLength, 6);
  }
});

test("a copy is equal and independent", () => {
  const original = Buffer.from([1, 2, 3]);
  const copy = copySecret(original);
  assert.deepEqual(copy, original);
  wipe(copy);
  assert.deepEqual([...copy, ...original], [0, 0, 0, 1, 2, 3]);
});

test("wipes everything it is given and skips what is undefined", () => {
  const [a, b] = [Buffer.alloc(3, 1), new Uint8Array([9])];
  wipe(a, undefined, b);
  assert.deepEqual([...a, ...b], [0, 0, 0, 0]);
});

test("wipes after use, also when the use throws", () => {
  const first = Buffer.alloc(4, 7);
  assert.equal(
    wipeAfter(first, (secret) => secret[0]),
    7,
  );
  const second = Buffer.alloc(4, 7);
  assert.throws(() => wipeAfter(second, () => assert.fail("in use")), /in use/);
  assert.deepEqual([...first, ...second], [0, 0, 0, 0, 0, 0, 0, 0]);
});
