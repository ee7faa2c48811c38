/**
 * ChaCha20-Poly1305, and XChaCha20-Poly1305 with its 24-byte nonce.
 *
 * XChaCha20 derives a key from the first 16 bytes of the nonce by HChaCha20 and goes on with the other eight. OpenSSL
 * has no HChaCha20, but its ChaCha20 block differs from it only in that the input is added at the end, and the words that
 * HChaCha20 keeps begin as constants and nonce, which are no secret: they are subtracted again here. The key itself
 * never leaves OpenSSL; the derived one is wiped.
 *
 * With random 12-byte nonces a ChaCha20-Poly1305 key should be rotated before 2^32 encryptions; with 24 bytes no such
 * limit is near.
 *
 * @see RFC 8439 §2.8; draft-irtf-cfrg-xchacha-03 §2
 */
import { createCipheriv, type CipherKey } from "node:crypto";
import type { Mechanism } from "../mechanism.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, aeadCipher, openAead, opensslAead, sealAead, type Aead } from "./aead.ts";
import { decryptionFailed } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";

/** RFC 8439 §2.8 allows 2^38 − 64; a request is shorter than this. */
const LONGEST_BYTES = 2 ** 31 - 1;
const NAME = "chacha20-poly1305";
const X_NONCE_BYTES = 24;
const H_NONCE_BYTES = 16;
const WORD_BYTES = 4;
/** "expand 32-byte k" as little-endian words (RFC 8439 §2.3). */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/**
 * HChaCha20 of `key` and 16 bytes of nonce: 32 bytes, the caller wipes them.
 *
 * @internal
 */
export function hChaCha20(key: CipherKey, nonce: Uint8Array): Buffer {
  const block = createCipheriv("chacha20", key, nonce).update(Buffer.alloc(64));
  const derived = secretBuffer(32);
  try {
    const words = new DataView(nonce.buffer, nonce.byteOffset, H_NONCE_BYTES);
    for (const [at, constant] of CONSTANTS.entries()) {
      const offset = at * WORD_BYTES;
      derived.writeUInt32LE((block.readUInt32LE(offset) - constant) >>> 0, offset);
      derived.writeUInt32LE((block.readUInt32LE(48 + offset) - words.getUint32(offset, true)) >>> 0, 16 + offset);
    }
    return derived;
  } finally {
    wipe(block);
  }
}

/** `use` of the derived key and the 12-byte nonce that go with a 24-byte nonce. */
function withDerived(key: CipherKey, nonce: Uint8Array, use: (key: Buffer, nonce: Uint8Array) => Buffer): Buffer {
  const inner = new Uint8Array(AEAD_NONCE_BYTES);
  inner.set(nonce.subarray(H_NONCE_BYTES), WORD_BYTES);
  const derived = hChaCha20(key, nonce.subarray(0, H_NONCE_BYTES));
  try {
    return use(derived, inner);
  } finally {
    wipe(derived);
  }
}

const xChaCha20Aead: Aead = {
  name: "XChaCha20-Poly1305",
  nonceBytes: X_NONCE_BYTES,
  longestBytes: LONGEST_BYTES,
  seal: (key, nonce, plaintext, additionalData) =>
    withDerived(key, nonce, (derived, inner) => sealAead(NAME, derived, inner, plaintext, additionalData)),
  open(key, nonce, sealed, additionalData) {
    if (nonce.byteLength !== X_NONCE_BYTES || sealed.byteLength < AEAD_TAG_BYTES) throw decryptionFailed();
    return withDerived(key, nonce, (derived, inner) => openAead(NAME, derived, inner, sealed, additionalData));
  },
};

export const chacha20Poly1305: Mechanism = Object.freeze<Mechanism>({
  ...secretKeyMethods("ChaCha20-Poly1305"),
  cipher: aeadCipher(opensslAead(NAME, "ChaCha20-Poly1305", LONGEST_BYTES)),
});
export const xChacha20Poly1305: Mechanism = Object.freeze<Mechanism>({
  ...secretKeyMethods("XChaCha20-Poly1305"),
  cipher: aeadCipher(xChaCha20Aead),
});
