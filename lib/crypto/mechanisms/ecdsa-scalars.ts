/**
 * ECDSA from a digest, for what Node cannot ask OpenSSL for: deterministic nonces, and digests the caller computed.
 *
 * The multiplication k·G, where timing tells most, is OpenSSL's, and the inverse of k is taken of k times a random
 * blind. The rest is arithmetic on BigInts, which is not constant-time and leaves copies of d and k in JavaScript's
 * memory that nobody can wipe: this file must only be used where OpenSSL's own signature cannot be.
 *
 * A nonce is RFC 6979's; where none of the caller's choices asks for a repeatable signature, 32 random bytes go into it
 * (§3.6), so that neither a bad random source nor a repeated message gives the key away.
 *
 * @see FIPS 186-5 §6.4; RFC 6979 §3.2, §3.6; SP 800-186 §3.2.1 (curves)
 */
import { createECDH, createHmac, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { derBitString, derElement, derInteger, derObjectIdentifier, derOctetString, derSequence } from "../formats/der-writer.ts";
import { fillRandom } from "../random.ts";
import { secretBuffer, wipe } from "../wipe.ts";

/** One curve, with what signing by hand needs of it. */
export interface ScalarCurve {
  /** The name Node prints in asymmetricKeyDetails. */
  readonly opensslName: string;
  readonly oid: string;
  /** Length of a scalar, and of each half of a raw signature, in bytes. */
  readonly scalarBytes: number;
  /** The group order n, big-endian. */
  readonly order: Buffer;
  /** Length of n in bits. */
  readonly orderBits: number;
  /** OpenSSL multiplies the generator in microseconds: going to the pool for it would cost more. */
  readonly quick: boolean;
}

/** How the nonce is made. */
export interface NonceChoice {
  /** The digest whose HMAC makes the nonce, by OpenSSL's name. */
  readonly hash: string;
  /** True: RFC 6979 as it is, the same signature every time. */
  readonly deterministic: boolean;
}

/** r || s over `digest`, made on the calling thread. A digest longer than n is cut to its leftmost bits. */
export function signDigest(curve: ScalarCurve, key: KeyObject, digest: Uint8Array, choice: NonceChoice): Buffer {
  return withScalar(key, (scalar) => {
    for (const nonce of nonces(curve, scalar, digest, choice)) {
      const signature = combine(curve, scalar, digest, nonce, multiplyHere(curve, nonce));
      wipe(nonce);
      if (signature !== undefined) return signature;
    }
    throw new Error("unreachable: nonces do not end");
  });
}

/** As {@link signDigest}, with the multiplication on the thread pool. */
export async function signDigestPooled(curve: ScalarCurve, key: KeyObject, digest: Uint8Array, choice: NonceChoice): Promise<Buffer> {
  const scalar = key.export({ format: "raw-private" });
  try {
    for (const nonce of nonces(curve, scalar, digest, choice)) {
      const signature = combine(
        curve,
        scalar,
        digest,
        nonce,
        curve.quick ? multiplyHere(curve, nonce) : await multiplyPooled(curve, nonce),
      );
      wipe(nonce);
      if (signature !== undefined) return signature;
    }
    throw new Error("unreachable: nonces do not end");
  } finally {
    wipe(scalar);
  }
}

function withScalar<T>(key: KeyObject, use: (scalar: Buffer) => T): T {
  const scalar = key.export({ format: "raw-private" });
  try {
    return use(scalar);
  } finally {
    wipe(scalar);
  }
}

/** The x coordinate of k·G. */
function multiplyHere({ opensslName, scalarBytes }: ScalarCurve, nonce: Buffer): Buffer {
  const ecdh = createECDH(opensslName);
  ecdh.setPrivateKey(nonce);
  return ecdh.getPublicKey().subarray(1, 1 + scalarBytes);
}

/**
 * The same on the thread pool, as the Diffie-Hellman secret of k and G: x(k·G). The key object for k is given G as its
 * public half, which nothing here reads, because OpenSSL would otherwise compute the right one on this thread.
 */
function multiplyPooled(curve: ScalarCurve, nonce: Buffer): Promise<Buffer> {
  const generator = generatorOf(curve);
  const octets = derOctetString(nonce);
  const parameters = derElement(0xa0, derObjectIdentifier(curve.oid));
  const der = derSequence(derInteger(1), octets, parameters, derElement(0xa1, derBitString(generator.point)));
  try {
    const privateKey = createPrivateKey({ key: der, format: "der", type: "sec1" });
    return new Promise((resolve, reject) => {
      diffieHellman({ privateKey, publicKey: generator.key }, (error, x) => (error ? reject(error) : resolve(x)));
    });
  } finally {
    wipe(octets, der);
  }
}

const generators = new Map<string, { readonly point: Buffer; readonly key: KeyObject }>();

function generatorOf({ opensslName, scalarBytes }: ScalarCurve): { readonly point: Buffer; readonly key: KeyObject } {
  const known = generators.get(opensslName);
  if (known !== undefined) return known;
  const one = Buffer.alloc(scalarBytes);
  one[scalarBytes - 1] = 1;
  const ecdh = createECDH(opensslName);
  ecdh.setPrivateKey(one);
  const point = ecdh.getPublicKey();
  const key = createPublicKey({ key: point, format: "raw-public", asymmetricKeyType: "ec", namedCurve: opensslName });
  const made = { point, key };
  generators.set(opensslName, made);
  return made;
}

/** s = k⁻¹·(z + r·d) with k·b inverted in place of k; undefined when r or s is zero. */
function combine(curve: ScalarCurve, scalar: Buffer, digest: Uint8Array, nonce: Buffer, x: Buffer): Buffer | undefined {
  const n = numberOf(curve.order);
  const r = numberOf(x) % n;
  const z = numberOf(digest.subarray(0, curve.scalarBytes));
  const [d, k] = [numberOf(scalar), numberOf(nonce)];
  const b = (numberOf(fillRandom(secretBuffer(curve.scalarBytes + 8))) % (n - 1n)) + 1n;
  const s = (inverse((k * b) % n, n) * (((z % n) * b + r * ((d * b) % n)) % n)) % n;
  if (r === 0n || s === 0n) return undefined;
  const signature = Buffer.alloc(2 * curve.scalarBytes);
  writeNumber(r, signature.subarray(0, curve.scalarBytes));
  writeNumber(s, signature.subarray(curve.scalarBytes));
  return signature;
}

/** RFC 6979 §3.2: candidates for k, each between 1 and n - 1. Who takes one wipes it. */
function* nonces(curve: ScalarCurve, scalar: Buffer, digest: Uint8Array, { hash, deterministic }: NonceChoice): Generator<Buffer> {
  const reduced = secretBuffer(curve.scalarBytes);
  writeNumber(numberOf(digest.subarray(0, curve.scalarBytes)) % numberOf(curve.order), reduced);
  const extra = deterministic ? Buffer.alloc(0) : fillRandom(secretBuffer(32));
  const hmac = (key: Buffer, ...parts: readonly Uint8Array[]): Buffer => {
    const mac = createHmac(hash, key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const first = createHmac(hash, "").digest();
  let key: Buffer = Buffer.alloc(first.byteLength);
  let value: Buffer = Buffer.alloc(first.byteLength, 1);
  const step = (...parts: readonly Uint8Array[]): void => {
    key = replaced(key, hmac(key, value, ...parts));
    value = replaced(value, hmac(key, value));
  };
  try {
    for (const round of [0, 1]) step(Uint8Array.of(round), scalar, reduced, extra);
    for (;;) {
      const candidate = secretBuffer(Math.ceil(curve.scalarBytes / value.byteLength) * value.byteLength);
      for (let at = 0; at < curve.scalarBytes; at += value.byteLength) {
        value = replaced(value, hmac(key, value));
        candidate.set(value, at);
      }
      const nonce = leftmost(candidate, curve);
      wipe(candidate);
      if (nonce.some((byte) => byte !== 0) && Buffer.compare(nonce, curve.order) < 0) yield nonce;
      step(Uint8Array.of(0));
    }
  } finally {
    wipe(key, value, extra, reduced);
  }
}

/** `after`, with `before` wiped. */
function replaced(before: Buffer, after: Buffer): Buffer {
  wipe(before);
  return after;
}

/** The leftmost `orderBits` bits, as a number of `scalarBytes` bytes. */
function leftmost(bits: Buffer, { scalarBytes, orderBits }: ScalarCurve): Buffer {
  const shift = scalarBytes * 8 - orderBits;
  const number = secretBuffer(scalarBytes);
  for (let at = 0; at < scalarBytes; at++) number[at] = (((bits[at - 1] ?? 0) << 8) | (bits[at] as number)) >>> shift;
  return number;
}

/** Big-endian bytes as a number, without a string of them in between. */
function numberOf(bytes: Uint8Array): bigint {
  let number = 0n;
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (; at < bytes.byteLength % 8; at++) number = (number << 8n) | BigInt(bytes[at] as number);
  for (; at < bytes.byteLength; at += 8) number = (number << 64n) | view.getBigUint64(at);
  return number;
}

function writeNumber(number: bigint, target: Uint8Array): void {
  let rest = number;
  for (let at = target.byteLength - 1; at >= 0; at--, rest >>= 8n) target[at] = Number(rest & 0xffn);
}

/** By the extended Euclidean algorithm, whose time depends on its input: only ever given blinded numbers. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return x < 0n ? x + modulus : x;
}
