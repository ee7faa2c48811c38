/**
 * Numbers modulo a group order, as BigInts: reading them, writing them, and their inverse.
 *
 * Nothing here takes the same time for every input, and nobody can wipe a BigInt: a secret number comes here only when
 * nothing else can work with it, and {@link inverse} is given a secret only after a random factor has been multiplied in.
 */

const WORD_BYTES = 8;
const WORD_BITS = 64n;
/** As many leading bits as leave a double room for a quotient times a coefficient. */
const LEADING_BITS = 50;
const LARGEST_COEFFICIENT = 2 ** 25;
/** Below this one double holds a number as it is, and plain division is over in a few steps. */
const SMALL = 2n ** 53n;

/** Big-endian bytes as a number, without a string of them in between. */
export function numberOf(bytes: Uint8Array): bigint {
  let number = 0n;
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (; at < bytes.byteLength % WORD_BYTES; at++) number = (number << 8n) | BigInt(bytes[at] as number);
  for (; at < bytes.byteLength; at += WORD_BYTES) number = (number << WORD_BITS) | view.getBigUint64(at);
  return number;
}

/** Writes a number of at most that many bytes over the whole of `target`, big-endian. */
export function writeNumber(number: bigint, target: Uint8Array): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let rest = number;
  let at = target.byteLength;
  for (; at >= WORD_BYTES; rest >>= WORD_BITS) view.setBigUint64((at -= WORD_BYTES), rest & 0xffff_ffff_ffff_ffffn);
  for (; at > 0; rest >>= 8n) target[--at] = Number(rest & 0xffn);
}

/**
 * The number whose product with `value` is 1 modulo `modulus`.
 *
 * Euclid's algorithm as Lehmer sped it up: while the leading bits decide what the quotients are, the steps are made on
 * them, in doubles, and carried out on the whole numbers together. Its time depends on the input: only ever given
 * blinded numbers.
 *
 * @param value   between 1 and `modulus` - 1, and coprime to it
 * @param modulus of at most 1,000 bits: it must have a place among the doubles
 * @see Knuth, The Art of Computer Programming, volume 2, section 4.5.2, algorithm L
 * @example
 * inverse(3n, 7n); // 5n
 */
export function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [modulus, value, 0n, 1n];
  while (b >= SMALL) {
    const steps = leadingSteps(a, b);
    if (steps === undefined) {
      const quotient = a / b;
      [a, b, x, y] = [b, a - quotient * b, y, x - quotient * y];
      continue;
    }
    const [p, q, r, s] = steps;
    [a, b, x, y] = [p * a + q * b, r * a + s * b, p * x + q * y, r * x + s * y];
  }
  while (b > 0n) {
    const quotient = a / b;
    [a, b, x, y] = [b, a - quotient * b, y, x - quotient * y];
  }
  return x < 0n ? x + modulus : x;
}

/** What several steps of Euclid's on `a` and `b` come to, as a matrix; undefined when leading bits do not settle one. */
function leadingSteps(a: bigint, b: bigint): readonly [bigint, bigint, bigint, bigint] | undefined {
  const shift = BigInt(Math.max(0, Math.ceil(Math.log2(Number(a))) - LEADING_BITS));
  let [u, v] = [Number(a >> shift), Number(b >> shift)];
  let [p, q, r, s] = [1, 0, 0, 1];
  while (Math.max(Math.abs(r), Math.abs(s)) < LARGEST_COEFFICIENT && v + r !== 0 && v + s !== 0) {
    const quotient = Math.floor((u + p) / (v + r));
    // The leading bits are of numbers between u, v and the next ones: both ends must agree on the quotient.
    if (quotient !== Math.floor((u + q) / (v + s))) break;
    [p, r] = [r, p - quotient * r];
    [q, s] = [s, q - quotient * s];
    [u, v] = [v, u - quotient * v];
  }
  return q === 0 ? undefined : [BigInt(p), BigInt(q), BigInt(r), BigInt(s)];
}
