/**
 * Keys with two halves: one post-quantum, one traditional, generated, stored, used and destroyed as one.
 *
 * Node has no KeyObject for such a pair, so this class stands where a KeyObject stands: `type`, `equals`, a public half,
 * DER in and out. Each half is a KeyObject of its own; their bytes are seen only while a key is read or written. What
 * the halves are and how they are written one after the other says a {@link CompositeForm}. This file must never use a
 * half: signing with both, or deriving from both, is the mechanism's.
 *
 * @see draft-ietf-lamps-pq-composite-sigs-19 §5 (serialization); RFC 5280 §4.1 (SPKI); RFC 5958 (PKCS#8)
 */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readElement, readSequence, DER_INTEGER, DER_OCTET_STRING, DER_SEQUENCE } from "./formats/der.ts";
import { derBitString, derElement, derInteger, derObjectIdentifier, derOctetString, derSequence } from "./formats/der-writer.ts";
import { secretBuffer, wipe } from "./wipe.ts";

/** A key as mechanisms know it. */
export type Key = KeyObject | CompositeKey;

/** How one half is written. Every length is fixed, so that the two need no separator. */
export interface HalfForm {
  readonly publicBytes: number;
  readonly privateBytes: number;
  /** The public half, of either half of the pair. */
  writePublic(key: KeyObject): Buffer;
  /** @throws anything when the bytes are no public key; at most `publicBytes` are given */
  readPublic(bytes: Uint8Array): KeyObject;
  /** On memory of its own; the caller wipes it. */
  writePrivate(key: KeyObject): Buffer;
  /** @throws anything when the bytes are no private key */
  readPrivate(bytes: Uint8Array): KeyObject;
}

/** What a composite algorithm's keys are made of, the first half written first. */
export interface CompositeForm {
  /** Dotted object identifier of the algorithm, without parameters. */
  readonly oid: string;
  readonly first: HalfForm;
  readonly second: HalfForm;
}

/** A pair of private keys, or the pair of their public halves. */
export class CompositeKey {
  readonly form: CompositeForm;
  readonly type: "private" | "public";
  readonly first: KeyObject;
  readonly second: KeyObject;

  /** Both halves are private, or both public, and of the kinds that `form` writes. */
  constructor(form: CompositeForm, first: KeyObject, second: KeyObject) {
    if (first.type !== second.type || first.type === "secret") throw new TypeError("the halves of a key are of one type");
    this.form = form;
    this.type = first.type;
    this.first = first;
    this.second = second;
  }

  /** Whether `other` is the same pair. Constant time in the halves, as KeyObject.equals is. */
  equals(other: unknown): boolean {
    if (!(other instanceof CompositeKey) || other.form.oid !== this.form.oid || other.type !== this.type) return false;
    const [first, second] = [this.first.equals(other.first), this.second.equals(other.second)];
    return first && second;
  }

  publicHalf(): CompositeKey {
    return this.type === "public" ? this : new CompositeKey(this.form, createPublicKey(this.first), createPublicKey(this.second));
  }

  /** Both public halves, one after the other. */
  publicBytes(): Buffer {
    const { first, second } = this.form;
    return Buffer.concat([first.writePublic(this.first), second.writePublic(this.second)]);
  }

  /** SubjectPublicKeyInfo in DER. */
  publicKeyDer(): Buffer {
    return derSequence(derSequence(derObjectIdentifier(this.form.oid)), derBitString(this.publicBytes()));
  }

  /** Both private halves, one after the other. The caller wipes them. @throws {TypeError} this is a public key */
  privateBytes(): Buffer {
    if (this.type !== "private") throw new TypeError("a public key has no private bytes");
    const first = this.form.first.writePrivate(this.first);
    const second = this.form.second.writePrivate(this.second);
    const both = secretBuffer(first.byteLength + second.byteLength);
    both.set(first);
    both.set(second, first.byteLength);
    wipe(first, second);
    return both;
  }

  /** PKCS#8 in DER (version 1, without attributes). The caller wipes it. @throws {TypeError} this is a public key */
  privateKeyDer(): Buffer {
    const bytes = this.privateBytes();
    const octets = derOctetString(bytes);
    try {
      return derSequence(derInteger(0), derSequence(derObjectIdentifier(this.form.oid)), octets);
    } finally {
      wipe(bytes, octets);
    }
  }

  /** The public key whose halves stand in `bytes`, or undefined when they are none. */
  static fromPublicBytes(form: CompositeForm, bytes: Uint8Array): CompositeKey | undefined {
    return split(bytes, form.first.publicBytes, form.second.publicBytes, (first, second) => [
      form.first.readPublic(first),
      form.second.readPublic(second),
    ])?.(form);
  }

  /** The private key whose halves stand in `bytes`, or undefined when they are none. */
  static fromPrivateBytes(form: CompositeForm, bytes: Uint8Array): CompositeKey | undefined {
    return split(bytes, form.first.privateBytes, form.second.privateBytes, (first, second) => [
      form.first.readPrivate(first),
      form.second.readPrivate(second),
    ])?.(form);
  }

  /** The public key in a SubjectPublicKeyInfo, or undefined when it is not exactly one of this form. */
  static fromPublicKeyDer(form: CompositeForm, der: Uint8Array): CompositeKey | undefined {
    const [algorithm, bits, ...more] = readSequence(der) ?? [];
    if (algorithm?.tag !== DER_SEQUENCE || bits?.tag !== 0x03 || more.length > 0 || der[bits.start] !== 0) return undefined;
    if (!isOid(der.subarray(algorithm.start, algorithm.end), form)) return undefined;
    return CompositeKey.fromPublicBytes(form, der.subarray(bits.start + 1, bits.end));
  }

  /** The private key in a PKCS#8 structure, or undefined when it is not exactly one of this form. */
  static fromPrivateKeyDer(form: CompositeForm, der: Uint8Array): CompositeKey | undefined {
    const [version, algorithm, octets, ...more] = readSequence(der) ?? [];
    if (version?.tag !== DER_INTEGER || version.end - version.start !== 1 || der[version.start] !== 0) return undefined;
    if (algorithm?.tag !== DER_SEQUENCE || octets?.tag !== DER_OCTET_STRING || more.length > 0) return undefined;
    if (!isOid(der.subarray(algorithm.start, algorithm.end), form)) return undefined;
    return CompositeKey.fromPrivateBytes(form, der.subarray(octets.start, octets.end));
  }
}

const isOid = (bytes: Uint8Array, { oid }: CompositeForm): boolean => derObjectIdentifier(oid).equals(bytes);

function split(
  bytes: Uint8Array,
  firstBytes: number,
  secondBytes: number,
  read: (first: Uint8Array, second: Uint8Array) => readonly [KeyObject, KeyObject],
): ((form: CompositeForm) => CompositeKey) | undefined {
  if (bytes.byteLength !== firstBytes + secondBytes) return undefined;
  try {
    const [first, second] = read(bytes.subarray(0, firstBytes), bytes.subarray(firstBytes));
    return (form) => new CompositeKey(form, first, second);
  } catch {
    return undefined; // OpenSSL's messages are not for callers
  }
}

/** A half that Node reads and writes as bare bytes: ML-DSA and ML-KEM by their seed, the Edwards and Montgomery curves. */
export const rawHalf = (
  asymmetricKeyType:
    | "ml-dsa-44"
    | "ml-dsa-65"
    | "ml-dsa-87"
    | "ml-kem-512"
    | "ml-kem-768"
    | "ml-kem-1024"
    | "ed25519"
    | "ed448"
    | "x25519"
    | "x448",
  publicBytes: number,
  privateBytes: number,
): HalfForm => {
  const format = asymmetricKeyType.startsWith("ml-") ? "raw-seed" : "raw-private";
  return Object.freeze<HalfForm>({
    publicBytes,
    privateBytes,
    writePublic: (key) => (key.type === "public" ? key : createPublicKey(key)).export({ format: "raw-public" }),
    readPublic: (bytes) => createPublicKey({ key: bytes, format: "raw-public", asymmetricKeyType }),
    writePrivate: (key) => key.export({ format } as { format: "raw-seed" }),
    readPrivate: (bytes) =>
      createPrivateKey({ key: bytes, format, asymmetricKeyType } as {
        key: Uint8Array;
        format: "raw-seed";
        asymmetricKeyType: "ml-dsa-44";
      }),
  });
};

/** Curves of elliptic halves: Node's name, length of a scalar, object identifier. */
const CURVES = Object.freeze({
  "P-256": { opensslName: "prime256v1", scalarBytes: 32, oid: "1.2.840.10045.3.1.7" },
  "P-384": { opensslName: "secp384r1", scalarBytes: 48, oid: "1.3.132.0.34" },
});

/** A half on a NIST curve: the uncompressed point, and an ECPrivateKey (RFC 5915) that names the curve and has no public key. */
export function ecHalf(curve: keyof typeof CURVES): HalfForm {
  const { opensslName: namedCurve, scalarBytes, oid } = CURVES[curve];
  const parameters = derElement(0xa0, derObjectIdentifier(oid));
  const version = derInteger(1);
  const wrap = (scalar: Buffer): Buffer => {
    const octets = derOctetString(scalar);
    try {
      return derSequence(version, octets, parameters);
    } finally {
      wipe(octets);
    }
  };
  return Object.freeze<HalfForm>({
    publicBytes: 1 + 2 * scalarBytes,
    privateBytes: wrap(Buffer.alloc(scalarBytes)).byteLength,
    writePublic: (key) => (key.type === "public" ? key : createPublicKey(key)).export({ format: "raw-public", type: "uncompressed" }),
    readPublic(bytes) {
      if (bytes[0] !== 0x04) throw new RangeError("the point is not uncompressed");
      return createPublicKey({ key: bytes, format: "raw-public", asymmetricKeyType: "ec", namedCurve });
    },
    writePrivate(key) {
      const scalar = key.export({ format: "raw-private" });
      try {
        return wrap(scalar);
      } finally {
        wipe(scalar);
      }
    },
    readPrivate(bytes) {
      const outer = readElement(bytes, 0);
      const octets = outer === undefined ? undefined : readElement(bytes, outer.start + version.byteLength, outer.end);
      const scalar = octets === undefined ? Buffer.alloc(0) : bytes.subarray(octets.start, octets.end);
      const again = wrap(Buffer.from(scalar.buffer, scalar.byteOffset, scalar.byteLength));
      try {
        if (!again.equals(bytes)) throw new RangeError("not the one ECPrivateKey of this curve");
        return createPrivateKey({ key: scalar, format: "raw-private", asymmetricKeyType: "ec", namedCurve });
      } finally {
        wipe(again);
      }
    },
  });
}
