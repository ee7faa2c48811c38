/**
 * SubjectPublicKeyInfo and PKCS#8 of Ed25519, Ed448, X25519 and X448: a constant in front of the key's bytes.
 *
 * OpenSSL's encoders write the same, but look for themselves among all encoders each time, which takes as long as half
 * the key took to make, and leave a copy of a private key in the heap. This file must never be given anything but these four kinds.
 *
 * @see RFC 8410 §4, §7
 */
import type { KeyObject } from "node:crypto";
import { secretBuffer, wipe } from "../wipe.ts";

/** The last byte of the object identifiers 1.3.101.110 to 1.3.101.113, and the length of a key, by Node's names. */
const KINDS: Readonly<Record<string, { readonly oid: number; readonly keyBytes: number }>> = {
  x25519: { oid: 0x6e, keyBytes: 32 },
  x448: { oid: 0x6f, keyBytes: 56 },
  ed25519: { oid: 0x70, keyBytes: 32 },
  ed448: { oid: 0x71, keyBytes: 57 },
};

const algorithmOf = (oid: number): number[] => [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, oid];

/** DER of a public key, or undefined when it is of another kind. */
export function shortSpki(key: KeyObject): Buffer | undefined {
  const kind = KINDS[key.asymmetricKeyType ?? ""];
  if (kind === undefined) return undefined;
  const { oid, keyBytes } = kind;
  const head = [0x30, keyBytes + 10, ...algorithmOf(oid), 0x03, keyBytes + 1, 0x00];
  return behind(head, key.export({ format: "raw-public" }), keyBytes);
}

/** DER of a private key, on memory of its own, or undefined when it is of another kind. The caller wipes it. */
export function shortPkcs8(key: KeyObject): Buffer | undefined {
  const kind = KINDS[key.asymmetricKeyType ?? ""];
  if (kind === undefined) return undefined;
  const { oid, keyBytes } = kind;
  const head = [0x30, keyBytes + 14, 0x02, 0x01, 0x00, ...algorithmOf(oid), 0x04, keyBytes + 2, 0x04, keyBytes];
  const raw = key.export({ format: "raw-private" });
  try {
    return behind(head, raw, keyBytes);
  } finally {
    wipe(raw);
  }
}

function behind(head: readonly number[], raw: Buffer, keyBytes: number): Buffer {
  if (raw.byteLength !== keyBytes) throw new TypeError("a key of another length than its kind has");
  const der = secretBuffer(head.length + keyBytes);
  der.set(head);
  der.set(raw, head.length);
  return der;
}
