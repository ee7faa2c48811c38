import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { rsaNumbersAgree, type RsaNumbers } from "./rsa-numbers.ts";

const FIELDS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"] as const;

function numbersOf(sizeBits: number): RsaNumbers {
  const jwk = generateKeyPairSync("rsa", { modulusLength: sizeBits }).privateKey.export({ format: "jwk" });
  return Object.fromEntries(FIELDS.map((field) => [field, Buffer.from(jwk[field] as string, "base64url")])) as unknown as RsaNumbers;
}

const toBig = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const toBytes = (value: bigint): Buffer => {
  const text = value.toString(16);
  return Buffer.from(text.padStart(text.length + (text.length % 2), "0"), "hex");
};

for (const sizeBits of [2048, 3072, 4096]) {
  test(`the numbers of a fresh RSA-${sizeBits} key agree, and disagree once any is off by two`, () => {
    const numbers = numbersOf(sizeBits);
    assert.equal(rsaNumbersAgree(numbers), true);
    for (const field of FIELDS) {
      assert.equal(rsaNumbersAgree({ ...numbers, [field]: toBytes(toBig(numbers[field]) + 2n) }), false, field);
    }
  });
}

test("refuses p = q, swapped primes and zeros", () => {
  const numbers = numbersOf(2048);
  const { p, q, dp } = numbers;
  assert.equal(rsaNumbersAgree({ ...numbers, p: q, q: p }), false);
  assert.equal(rsaNumbersAgree({ ...numbers, q: p, dq: dp, n: toBytes(toBig(p) ** 2n) }), false);
  for (const field of FIELDS) assert.equal(rsaNumbersAgree({ ...numbers, [field]: Buffer.alloc(0) }), false, field);
});

test("refuses an even factor although everything else agrees", () => {
  const { q, e } = numbersOf(2048);
  const [Q, E] = [toBig(q), toBig(e)];
  let P = (1n << 1024n) - 2n;
  while (gcd(P - 1n, E) !== 1n || gcd(P - 1n, Q - 1n) !== 1n || gcd(P, Q) !== 1n) P -= 2n;
  const d = inverse(E, (P - 1n) * (Q - 1n));
  const made = { n: P * Q, e: E, d, p: P, q: Q, dp: d % (P - 1n), dq: d % (Q - 1n), qi: inverse(Q, P) };
  const numbers = Object.fromEntries(Object.entries(made).map(([name, value]) => [name, toBytes(value)])) as unknown as RsaNumbers;
  assert.equal(numbers.n.byteLength, 256);
  assert.equal(rsaNumbersAgree(numbers), false);
});

test("refuses dp, dq and qi that are not reduced", () => {
  const moduli = { dp: ({ p }) => toBig(p) - 1n, dq: ({ q }) => toBig(q) - 1n, qi: ({ p }) => toBig(p) } as const satisfies Record<
    string,
    (numbers: RsaNumbers) => bigint
  >;
  for (const field of ["dp", "dq", "qi"] as const) {
    // Some keys have room for one more modulus in 1,024 bits; those are the ones where length alone would not tell.
    for (;;) {
      const numbers = numbersOf(2048);
      const larger = toBytes(toBig(numbers[field]) + moduli[field](numbers));
      if (larger.byteLength > 128) continue;
      assert.equal(rsaNumbersAgree({ ...numbers, [field]: larger }), false, field);
      break;
    }
  }
});

test("accepts d modulo lcm(p - 1, q - 1) and modulo (p - 1)(q - 1)", () => {
  const numbers = numbersOf(2048);
  const [p1, q1, e] = [toBig(numbers.p) - 1n, toBig(numbers.q) - 1n, toBig(numbers.e)];
  const phi = p1 * q1;
  const lcm = phi / gcd(p1, q1);
  for (const modulus of [phi, lcm]) assert.equal(rsaNumbersAgree({ ...numbers, d: toBytes(inverse(e, modulus)) }), true);
});

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}
