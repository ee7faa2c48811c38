import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import { sequenceAfter } from "./record-batch.ts";
import { MalformedAnswer, Reader, Writer } from "./wire.ts";

// What a whole batch looks like is Kafka's to judge: kafka.test.ts reads them with its consumer, which checks every sum.

test("CRC-32C has the values of RFC 3720 appendix B.4", () => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  for (const [bytes, sum] of [
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [ascending, 0x46dd794e],
    [Buffer.from(ascending).reverse(), 0x113fdb5c],
    [Buffer.from("123456789"), 0xe3069283],
  ] as const)
    assert.equal(crc32c(bytes), sum);
});

test("a number of variable length is its zigzag value in groups of seven bits", () => {
  for (const [value, hex] of [
    [0, "00"],
    [-1, "01"],
    [1, "02"],
    [-64, "7f"],
    [64, "8001"],
    [300, "d804"],
  ] as const)
    assert.equal(new Writer().varint(value).done().toString("hex"), hex);
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), (value) => {
      const decoded = new Writer()
        .varint(value)
        .done()
        .reduceRight((sum, byte) => sum * 128n + BigInt(byte & 127), 0n);
      assert.equal(Number(decoded & 1n ? -(decoded + 1n) / 2n : decoded / 2n), value);
    }),
  );
});

test("sequence numbers begin anew after the largest there is", () => {
  assert.equal(sequenceAfter(0, 3), 3);
  assert.equal(sequenceAfter(0x7fffffff, 1), 0);
  assert.equal(sequenceAfter(0x7ffffffe, 4), 2);
});

test("an answer that is cut short, or whose lists are longer than it is, is malformed and costs nothing", () => {
  const whole = new Writer()
    .string("topic")
    .array([1, 2], () => new Writer())
    .done();
  for (let end = 0; end < 9; end += 1) {
    const reader = new Reader(whole.subarray(0, end));
    assert.throws(() => [reader.string(), reader.array(() => reader.int32())], MalformedAnswer);
  }
  for (const length of [-2, 0x7fffffff]) {
    const bytes = new Writer().int32(length).done();
    assert.throws(() => new Reader(bytes).array(() => 0), MalformedAnswer);
    assert.throws(() => new Reader(bytes).bytes(), MalformedAnswer);
  }
  assert.throws(() => new Reader(new Writer().string(null).done()).string(), MalformedAnswer);
});
