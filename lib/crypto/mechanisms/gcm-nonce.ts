/**
 * GCM under a nonce that the caller answers for: what AES-GCM encryption, AES-GCM key wrapping and counted formats rest on.
 *
 * @see NIST SP 800-38D
 */
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { wipe } from "../wipe.ts";
import { nonceFor } from "./nonce.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";

/** What is drawn here, always. */
export const GCM_NONCE_BYTES = 12;
/**
 * What a caller may bring in its place (§5.2.1.1 allows from one bit on). Shorter ones are too few to be different; longer ones
 * nobody has. A nonce of another length than 12 bytes is hashed to one block, so more than 16 bytes of it add nothing.
 */
const SHORTEST_NONCE_BYTES = 8;
const LONGEST_NONCE_BYTES = 64;
export const GCM_TAG_BYTES = 16;
export type GcmName = "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm";
const OPTIONS = { authTagLength: GCM_TAG_BYTES };
/** OpenSSL is given so much at once: Node makes a buffer for each result, and one of this size is still in the cache. */
const PIECE_BYTES = 64 * 1024;

/** Whether GCM is done here under nonces of that length. */
export const isGcmNonce = (nonce: Uint8Array): boolean =>
  nonce.byteLength >= SHORTEST_NONCE_BYTES && nonce.byteLength <= LONGEST_NONCE_BYTES;

/** Returns if a caller chose no nonce, or one of a length that there is. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function checkGcmNonce(chosen: Uint8Array | undefined): void {
  if (chosen !== undefined && !isGcmNonce(chosen))
    throw paramInvalid(`the nonce must be ${SHORTEST_NONCE_BYTES} to ${LONGEST_NONCE_BYTES} bytes`);
}

/** `chosen`, copied, or 12 random bytes when nothing was chosen. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function gcmNonceFor(chosen: Uint8Array | undefined): Buffer {
  checkGcmNonce(chosen);
  return nonceFor(chosen, chosen?.byteLength ?? GCM_NONCE_BYTES);
}

/**
 * `plaintext` sealed under a nonce the caller answers for: ct || tag.
 *
 * Not reachable through a {@link Cipher}. It is for formats that count their nonces (public/sealed-stream.ts).
 *
 * @security a nonce must never be used twice with one key
 * @internal
 */
export function sealWithNonce(name: GcmName, key: KeyObject, nonce: Uint8Array, plaintext: Uint8Array, additionalData: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafeSlow(plaintext.byteLength + GCM_TAG_BYTES);
  sealTo(sealed, 0, name, key, nonce, plaintext, additionalData);
  return sealed;
}

/** Writes ct || tag at `at` of `target`. */
export function sealTo(
  target: Buffer,
  at: number,
  name: GcmName,
  key: KeyObject,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): void {
  const cipher = createCipheriv(name, key, nonce, OPTIONS);
  cipher.setAAD(additionalData);
  if (plaintext.byteLength <= PIECE_BYTES) target.set(cipher.update(plaintext), at);
  else
    for (let from = 0; from < plaintext.byteLength; from += PIECE_BYTES)
      target.set(cipher.update(plaintext.subarray(from, from + PIECE_BYTES)), at + from);
  cipher.final();
  target.set(cipher.getAuthTag(), at + plaintext.byteLength);
}

/**
 * The plaintext behind ct || tag, on memory of its own; nothing is returned before the tag was checked.
 *
 * @throws {HsmError} DECRYPTION_FAILED
 * @internal
 */
export function openWithNonce(name: GcmName, key: KeyObject, nonce: Uint8Array, sealed: Uint8Array, additionalData: Uint8Array): Buffer {
  const bodyBytes = sealed.byteLength - GCM_TAG_BYTES;
  if (!isGcmNonce(nonce) || bodyBytes < 0) throw decryptionFailed();
  const decipher = createDecipheriv(name, key, nonce, OPTIONS);
  decipher.setAAD(additionalData);
  decipher.setAuthTag(sealed.subarray(bodyBytes));
  const plaintext = decipher.update(sealed.subarray(0, bodyBytes));
  try {
    decipher.final();
  } catch {
    wipe(plaintext);
    throw decryptionFailed();
  }
  return plaintext;
}
