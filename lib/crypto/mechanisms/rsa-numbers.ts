/**
 * Whether the nine numbers of an RSA private key belong together.
 *
 * OpenSSL loads any nine numbers and finds out at the first signature, or never: with wrong CRT numbers it falls back
 * to d. The arithmetic here is on byte arrays because BigInts cannot be wiped; it is not constant-time and runs once
 * per imported key. It must never be used for anything but these checks. Primality is not tested: the signature that
 * mechanisms/rsa.ts makes and verifies at import fails for a composite p or q (a Fermat test to a random base).
 *
 * @see RFC 8017 §3.2; FIPS 186-5 App. A.1.1
 */
import { secretBuffer, wipe } from "../wipe.ts";

/** The numbers as big-endian magnitudes without leading zeros: views of one buffer that the caller wipes. */
export interface RsaNumbers {
  readonly n: Uint8Array;
  readonly e: Uint8Array;
  readonly d: Uint8Array;
  readonly p: Uint8Array;
  readonly q: Uint8Array;
  readonly dp: Uint8Array;
  readonly dq: Uint8Array;
  readonly qi: Uint8Array;
}

/**
 * True when n = p·q with both half as long as n, e·dp ≡ 1 and d ≡ dp (mod p−1), the same for q, and q·qi ≡ 1 (mod p).
 * From these follow p ≠ q and e·d ≡ 1 modulo lcm(p−1, q−1).
 */
export function rsaNumbersAgree({ n, e, d, p, q, dp, dq, qi }: RsaNumbers): boolean {
  const half = n.byteLength / 2;
  if (p.byteLength !== half || q.byteLength !== half || isEven(p) || isEven(q)) return false;
  if (d.byteLength > n.byteLength || dp.byteLength > half || dq.byteLength > half || qi.byteLength > half) return false;
  return (
    withWiped(multiply(p, q), (product) => compare(product, n) === 0) &&
    exponentsAgree(p, e, d, dp) &&
    exponentsAgree(q, e, d, dq) &&
    compare(qi, p) < 0 &&
    withWiped(multiply(q, qi), (product) => withWiped(modulo(product, p), isOne))
  );
}

/** e·part ≡ 1 and d ≡ part, both modulo prime − 1, with part reduced. */
function exponentsAgree(prime: Uint8Array, e: Uint8Array, d: Uint8Array, part: Uint8Array): boolean {
  const order = secretBuffer(prime.byteLength);
  order.set(prime);
  order[order.byteLength - 1] = (order[order.byteLength - 1] ?? 0) - 1; // prime is odd
  return withWiped(
    order,
    () =>
      withWiped(multiply(e, part), (product) => withWiped(modulo(product, order), isOne)) &&
      withWiped(modulo(d, order), (rest) => compare(rest, part) === 0), // so part is reduced
  );
}

function withWiped(secret: Buffer, check: (secret: Buffer) => boolean): boolean {
  try {
    return check(secret);
  } finally {
    wipe(secret);
  }
}

const isEven = (a: Uint8Array): boolean => (a[a.byteLength - 1] ?? 0) % 2 === 0;
const isOne = (a: Uint8Array): boolean => compare(a, Uint8Array.of(1)) === 0;

/** As Buffer.compare, but by value: leading zero bytes do not count. */
function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.byteLength, b.byteLength);
  for (let i = length; i > 0; i--) {
    const difference = (a[a.byteLength - i] ?? 0) - (b[b.byteLength - i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** a·b, as long as both together. The caller wipes it. */
function multiply(a: Uint8Array, b: Uint8Array): Buffer {
  const product = secretBuffer(a.byteLength + b.byteLength);
  for (let i = a.byteLength - 1; i >= 0; i--) {
    let carry = 0;
    for (let j = b.byteLength - 1; j >= 0; j--) {
      const sum = (a[i] ?? 0) * (b[j] ?? 0) + (product[i + j + 1] ?? 0) + carry;
      product[i + j + 1] = sum; // the low byte
      carry = sum >>> 8;
    }
    product[i] = carry;
  }
  return product;
}

/** a mod m by long division, bit by bit; m > 0. The caller wipes it. */
function modulo(a: Uint8Array, m: Uint8Array): Buffer {
  const size = m.byteLength + 1; // room for the bit that is shifted out before subtracting
  const rest = secretBuffer(size);
  for (const byte of a) {
    for (let bit = 7; bit >= 0; bit--) {
      let carry = (byte >>> bit) & 1;
      for (let i = size - 1; i >= 0; i--) {
        const shifted = ((rest[i] ?? 0) << 1) | carry;
        rest[i] = shifted; // the low byte
        carry = shifted >>> 8;
      }
      if (compare(rest, m) >= 0) subtract(rest, m);
    }
  }
  return rest;
}

/** a := a − m, where a is one byte longer than m and a ≥ m. */
function subtract(a: Buffer, m: Uint8Array): void {
  let borrow = 0;
  for (let i = a.byteLength - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (i > 0 ? (m[i - 1] ?? 0) : 0) - borrow;
    a[i] = difference; // modulo 256
    borrow = difference < 0 ? 1 : 0;
  }
}
