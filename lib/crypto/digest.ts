/**
 * Digests by the contract's names: OpenSSL's for SHA-2 and SHA-3, noble's for BLAKE3 (OpenSSL has none).
 *
 * This file must never grow a keyed mode: codes under a key are in mechanisms/hmac.ts.
 *
 * @see FIPS 180-4, FIPS 202, the BLAKE3 paper §2
 */
import { createHash, hash } from "node:crypto";
import { blake3 } from "@noble/hashes/blake3.js";
import { DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";

/**
 * The digest of `data`.
 *
 * @returns 32, 48 or 64 bytes: the `outputBytes` of the digest's row
 * @throws {HsmError} MECHANISM_PARAM_INVALID   there is no digest of that name
 * @example
 * digest("SHA-256", Buffer.from("abc")).toString("hex"); // "ba7816bf8f01cfea414140de5dae2223..."
 */
export function digest(name: DigestName, data: Uint8Array): Buffer {
  const node = row(name).node;
  if (node !== undefined) return hash(node, data, "buffer");
  return view(blake3(data));
}

/** A digest that is fed piece by piece. `final` may be called once; what follows it throws. */
export interface Hasher {
  update(data: Uint8Array): Hasher;
  final(): Buffer;
}

/**
 * A hasher with nothing in it yet: for inputs that arrive in pieces.
 *
 * @throws {HsmError} MECHANISM_PARAM_INVALID   there is no digest of that name
 * @example
 * hasher("BLAKE3").update(first).update(second).final();
 */
export function hasher(name: DigestName): Hasher {
  const node = row(name).node;
  if (node !== undefined) {
    const inner = createHash(node);
    const outer: Hasher = { update: (data) => (inner.update(data), outer), final: () => inner.digest() };
    return outer;
  }
  const inner = blake3.create();
  const outer: Hasher = { update: (data) => (inner.update(data), outer), final: () => view(inner.digest()) };
  return outer;
}

/**
 * The name OpenSSL knows `name` by, for mechanisms that hash inside a signature or a padding.
 *
 * @throws {HsmError} MECHANISM_PARAM_INVALID   unknown, or not one of OpenSSL's (BLAKE3)
 */
export function opensslDigest(name: DigestName): string {
  const node = row(name).node;
  if (node === undefined) throw new HsmError("MECHANISM_PARAM_INVALID", `${name} cannot be used with this mechanism`);
  return node;
}

function row(name: DigestName): { readonly node: string | undefined } {
  if (!Object.hasOwn(DIGESTS, name)) throw new HsmError("MECHANISM_PARAM_INVALID", "there is no digest of that name");
  return DIGESTS[name];
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
