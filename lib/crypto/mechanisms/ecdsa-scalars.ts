/**
 * ECDSA from a digest, for what Node cannot ask OpenSSL for: deterministic nonces, and digests the caller computed.
 *
 * The multiplication k·G, where timing tells most, is OpenSSL's, and the inverse of k is taken of k times a random
 * blind. The rest is arithmetic on BigInts, which is not constant-time and leaves copies of d and k in JavaScript's
 * memory that nobody can wipe: this file must only be used where OpenSSL's own signature cannot be.
 *
 * A nonce is RFC 6979's where the caller asks for a repeatable signature. Where nobody does, it is a hash of the private
 * key, the digest and 32 random bytes, as OpenSSL makes its own: neither a bad random source nor a repeated message gives
 * the key away.
 *
 * @see FIPS 186-5 §6.4, A.3.1 (64 bits more than the order has); RFC 6979 §3.2; SP 800-186 §3.2.1 (curves)
 */
import {
  createECDH,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash as hashOnce,
  type ECDH,
  type KeyObject,
} from "node:crypto";
import { derBitString, derElement, derInteger, derObjectIdentifier, derOctetString, derSequence } from "../formats/der-writer.ts";
import { fillRandom } from "../random.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { inverse, numberOf, writeNumber } from "./scalar-numbers.ts";

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

/** Random bytes in a nonce, and how many more than it needs it is reduced from. */
const RANDOM_BYTES = 32;
const EXTRA_BYTES = 8;
/** SHA-512 makes so many bytes at a time. */
const WIDE_BYTES = 64;

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

/**
 * One for each curve, made anew when it was collected: a nonce is freed by the next one, and the last by a collection,
 * which is also what frees the key itself.
 */
const multipliers = new Map<string, WeakRef<ECDH>>();

/** The x coordinate of k·G. */
function multiplyHere({ opensslName, scalarBytes }: ScalarCurve, nonce: Buffer): Buffer {
  let ecdh = multipliers.get(opensslName)?.deref();
  if (ecdh === undefined) {
    ecdh = createECDH(opensslName);
    multipliers.set(opensslName, new WeakRef(ecdh));
  }
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
  const blind = fillRandom(secretBuffer(curve.scalarBytes + EXTRA_BYTES));
  const b = (numberOf(blind) % (n - 1n)) + 1n;
  wipe(blind);
  const s = (inverse((k * b) % n, n) * (((z % n) * b + r * ((d * b) % n)) % n)) % n;
  if (r === 0n || s === 0n) return undefined;
  const signature = Buffer.alloc(2 * curve.scalarBytes);
  writeNumber(r, signature.subarray(0, curve.scalarBytes));
  writeNumber(s, signature.subarray(curve.scalarBytes));
  return signature;
}

/** Candidates for k, each between 1 and n - 1. Who takes one wipes it. */
function nonces(curve: ScalarCurve, scalar: Buffer, digest: Uint8Array, { hash, deterministic }: NonceChoice): Generator<Buffer> {
  return deterministic ? repeatableNonces(curve, scalar, digest, hash) : freshNonces(curve, scalar, digest);
}

/** Reduced from at least 64 bits more than the order has, so that none is likelier than another. */
function* freshNonces(curve: ScalarCurve, scalar: Buffer, digest: Uint8Array): Generator<Buffer> {
  const blocks = Math.ceil((curve.scalarBytes + EXTRA_BYTES) / WIDE_BYTES);
  const most = numberOf(curve.order) - 1n;
  const seed = secretBuffer(1 + RANDOM_BYTES + scalar.byteLength + digest.byteLength);
  const wide = secretBuffer(blocks * WIDE_BYTES);
  seed.set(scalar, 1 + RANDOM_BYTES);
  seed.set(digest, 1 + RANDOM_BYTES + scalar.byteLength);
  try {
    for (;;) {
      fillRandom(seed.subarray(1, 1 + RANDOM_BYTES));
      for (let block = 0; block < blocks; block++) {
        seed[0] = block;
        const part = hashOnce("sha512", seed, "buffer");
        wide.set(part, block * WIDE_BYTES);
        wipe(part);
      }
      const nonce = secretBuffer(curve.scalarBytes);
      writeNumber((numberOf(wide) % most) + 1n, nonce);
      yield nonce;
    }
  } finally {
    wipe(seed, wide);
  }
}

/** RFC 6979 §3.2. */
function* repeatableNonces(curve: ScalarCurve, scalar: Buffer, digest: Uint8Array, hash: string): Generator<Buffer> {
  const reduced = secretBuffer(curve.scalarBytes);
  writeNumber(numberOf(digest.subarray(0, curve.scalarBytes)) % numberOf(curve.order), reduced);
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
    for (const round of [0, 1]) step(Uint8Array.of(round), scalar, reduced);
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
    wipe(key, value, reduced);
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
