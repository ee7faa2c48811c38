import assert from "node:assert/strict";
import { test } from "node:test";
import { HARDWARE_BYTES, RandomSource, fillRandom } from "./random.ts";

const FAILED = { code: "SELF_TEST_FAILED" };
/** A source that counts: healthy, and known. */
const counting = (): RandomSource => new RandomSource((target) => target.forEach((_, index) => (target[index] = index)));
const hardware = (seed: number): Buffer => Buffer.from(Array.from({ length: HARDWARE_BYTES }, (_, index) => (index * 37 + seed) & 255));

test("bytes are the system's while no hardware source is mixed in, on the buffer that was given", () => {
  const target = Buffer.alloc(64);
  assert.equal(counting().fill(target), target);
  assert.deepEqual(
    [...target],
    Array.from({ length: 64 }, (_, index) => index),
  );
  assert.notDeepEqual(fillRandom(Buffer.alloc(32)), fillRandom(Buffer.alloc(32)));
});

test("a stuck source gives nothing, and is not trusted afterwards", () => {
  let stuck = true;
  const source = new RandomSource((target) => (stuck ? target.fill(9) : target.forEach((_, index) => (target[index] = index))));
  const target = Buffer.alloc(32, 1);
  assert.throws(() => source.fill(target), FAILED);
  assert.deepEqual(target, Buffer.alloc(32));
  stuck = false;
  assert.throws(() => source.fill(Buffer.alloc(32)), FAILED);
});

test("draws are looked at together: nonces of twelve bytes that stay the same are noticed", () => {
  const source = new RandomSource((target) => target.fill(5));
  source.fill(Buffer.alloc(4));
  source.fill(Buffer.alloc(4));
  assert.throws(() => source.fill(Buffer.alloc(4)), FAILED);
});

test("hardware bytes change every draw, differ by draw and by what was mixed, and are wiped", () => {
  const drawn = (seeds: readonly number[]): string[] => {
    const source = counting();
    for (const seed of seeds) {
      const bytes = hardware(seed);
      source.mix(bytes);
      assert.deepEqual(bytes, Buffer.alloc(HARDWARE_BYTES));
    }
    return [source.fill(Buffer.alloc(32)), source.fill(Buffer.alloc(32))].map((bytes) => bytes.toString("hex"));
  };
  const all = [[], [1], [2], [1, 2], [2, 1]].flatMap(drawn);
  // Without hardware the counting source gives the same twice; every other draw is its own.
  assert.equal(new Set(all).size, all.length - 1);
  assert.deepEqual(drawn([1]), drawn([1]));
});

test("mixing keeps what the system gave: a constant hardware stream cannot make two system draws equal", () => {
  let value = 0;
  const systems: Buffer[] = [];
  const source = new RandomSource((target) => {
    target.forEach((_, index) => (target[index] = (index + value) & 255));
    systems.push(Buffer.from(target));
    value += 1;
  });
  source.mix(hardware(3));
  const [a, b] = [source.fill(Buffer.alloc(48)), source.fill(Buffer.alloc(48))];
  const xor = (x: Uint8Array, y: Uint8Array): Buffer => Buffer.from(x.map((byte, index) => byte ^ (y[index] as number)));
  assert.notDeepEqual(a, b);
  assert.notDeepEqual(xor(a, systems[0] as Buffer), xor(b, systems[1] as Buffer), "one stream is never used twice");
});

test("long draws are mixed to their last byte", () => {
  const plain = counting().fill(Buffer.alloc(65_536));
  const source = counting();
  source.mix(hardware(4));
  const mixed = source.fill(Buffer.alloc(65_536));
  for (let at = 0; at < 65_536; at += 4096) assert.notDeepEqual(mixed.subarray(at, at + 4096), plain.subarray(at, at + 4096));
  assert.notDeepEqual(mixed.subarray(-64), plain.subarray(-64));
});

test("a stuck hardware source is refused, and leaves nothing mixed in", () => {
  const source = counting();
  assert.throws(() => source.mix(Buffer.alloc(HARDWARE_BYTES, 255)), FAILED);
  assert.deepEqual([...source.fill(Buffer.alloc(8))], [0, 1, 2, 3, 4, 5, 6, 7]);
});
