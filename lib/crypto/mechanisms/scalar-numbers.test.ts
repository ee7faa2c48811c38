/**
 * Numbers modulo a group order, held to the definition of an inverse and to other ways of reading and writing them.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { inverse, numberOf, writeNumber } from "./scalar-numbers.ts";

const ORDERS = [p256, p384, p521, secp256k1].map((curve) => curve.Point.Fn.ORDER);
/** Where the leading bits of two numbers say least: neighbours of powers of two, and of the order itself. */
const edges = (order: bigint): bigint[] =>
  [1n, 2n, 3n, order - 1n, order - 2n, order / 2n, order / 2n + 1n, order / 3n].concat(
    Array.from({ length: order.toString(2).length - 1 }, (_, bit) => [2n ** BigInt(bit) - 1n, 2n ** BigInt(bit), 2n ** BigInt(bit) + 1n])
      .flat()
      .filter((number) => number > 0n && number < order),
  );

test("a number times its inverse is one, for each order and every kind of number", () => {
  for (const order of ORDERS) {
    const bytes = Math.ceil(order.toString(2).length / 8);
    const random = Array.from({ length: 500 }, (_, round) => (numberOf(randomBytes(1 + (round % bytes))) % (order - 1n)) + 1n);
    for (const number of [...edges(order), ...random]) {
      const found = inverse(number, order);
      assert.ok(found > 0n && found < order);
      assert.equal((found * number) % order, 1n, `${number} modulo ${order}`);
    }
  }
});

test("small moduli have the inverses that a search finds", () => {
  for (const modulus of [2n, 3n, 5n, 7n, 101n, 257n])
    for (let number = 1n; number < modulus; number++) {
      const found = inverse(number, modulus);
      assert.equal((found * number) % modulus, 1n % modulus);
    }
});

test("bytes become the number they spell, and the number those bytes again, at every length", () => {
  for (let length = 0; length <= 140; length++) {
    const bytes = randomBytes(length);
    const number = numberOf(bytes);
    assert.equal(number, length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`));
    const around = Buffer.alloc(length + 2, 0xaa);
    writeNumber(number, around.subarray(1, 1 + length));
    assert.deepEqual(around.subarray(1, 1 + length), bytes);
    assert.deepEqual([around[0], around.at(-1)], [0xaa, 0xaa], "nothing beside the target is written");
  }
});
