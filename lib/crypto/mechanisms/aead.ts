/**
 * An AEAD as OpenSSL offers it: CCM, GCM-SIV, ChaCha20-Poly1305. Ciphertext is ct || 16-byte tag; the nonce is 12 bytes.
 *
 * A message is taken and given whole: nothing of a plaintext is returned before its tag was checked. AES-GCM has a file
 * of its own (aes-gcm.ts), because it also runs on the thread pool.
 *
 * @see RFC 5116 §2
 */
import { createCipheriv, createDecipheriv, type CipherGCMTypes, type CipherKey } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { Cipher, CipherParams } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { nonceFor } from "./nonce.ts";
import { takesNoMode } from "./one-mode.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";

export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** Names OpenSSL knows. */
export type AeadName = `aes-${128 | 192 | 256}-ccm` | `aes-${128 | 256}-gcm-siv` | "chacha20-poly1305";

const NO_DATA = new Uint8Array(0);
const OPTIONS = { authTagLength: AEAD_TAG_BYTES };
/** Node's types know fewer of OpenSSL's AEADs than Node does; all of them have these methods. */
const typed = (name: AeadName): CipherGCMTypes => name as CipherGCMTypes;

/**
 * `plaintext` sealed under a nonce the caller answers for: ct || tag.
 *
 * @security a nonce must never be used twice with one key (GCM-SIV: then only equal messages show as equal)
 * @internal
 */
export function sealAead(name: AeadName, key: CipherKey, nonce: Uint8Array, plaintext: Uint8Array, additionalData: Uint8Array): Buffer {
  const cipher = createCipheriv(typed(name), key, nonce, OPTIONS);
  // CCM must know the length before anything else; the others take no notice.
  (cipher as unknown as { setAAD(data: Uint8Array, options: object): void }).setAAD(additionalData, {
    plaintextLength: plaintext.byteLength,
  });
  const sealed = Buffer.allocUnsafeSlow(plaintext.byteLength + AEAD_TAG_BYTES);
  sealed.set(cipher.update(plaintext), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.byteLength);
  return sealed;
}

/**
 * The plaintext behind ct || tag, on memory of its own; the caller wipes it.
 *
 * @throws {HsmError} DECRYPTION_FAILED
 * @internal
 */
export function openAead(name: AeadName, key: CipherKey, nonce: Uint8Array, sealed: Uint8Array, additionalData: Uint8Array): Buffer {
  const bodyBytes = sealed.byteLength - AEAD_TAG_BYTES;
  if (nonce.byteLength !== AEAD_NONCE_BYTES || bodyBytes < 0) throw decryptionFailed();
  const decipher = createDecipheriv(typed(name), key, nonce, OPTIONS);
  decipher.setAuthTag(sealed.subarray(bodyBytes));
  (decipher as unknown as { setAAD(data: Uint8Array, options: object): void }).setAAD(additionalData, { plaintextLength: bodyBytes });
  let plaintext: Buffer | undefined;
  try {
    plaintext = decipher.update(sealed.subarray(0, bodyBytes));
    decipher.final();
  } catch {
    wipe(plaintext);
    throw decryptionFailed();
  }
  return plaintext;
}

/** What sets one AEAD apart: how it seals and opens, and its sizes. */
export interface Aead {
  /** For people, in refusals. */
  readonly name: string;
  readonly nonceBytes: number;
  /** Longest message, in bytes. */
  readonly longestBytes: number;
  seal(key: CipherKey, nonce: Uint8Array, plaintext: Uint8Array, additionalData: Uint8Array): Buffer;
  /** @throws {HsmError} DECRYPTION_FAILED */
  open(key: CipherKey, nonce: Uint8Array, sealed: Uint8Array, additionalData: Uint8Array): Buffer;
}

/** The {@link Cipher} of an AEAD. It runs on the calling thread, also where it is asked for on the pool: Node has no other. */
export function aeadCipher(aead: Aead): Cipher {
  const check = ({ scheme, digest, label, nonce, ...more }: CipherParams): void => {
    takesNoMode(more);
    if (scheme !== undefined || digest !== undefined || label !== undefined) throw paramInvalid(`${aead.name} takes additional data only`);
    if (nonce !== undefined && nonce.byteLength !== aead.nonceBytes) throw paramInvalid(`the nonce must be ${aead.nonceBytes} bytes`);
  };
  const cipher: Cipher = {
    cost: "inline",
    check,
    authenticates: () => true,
    encrypt(key, plaintext, params) {
      check(params);
      if (plaintext.byteLength > aead.longestBytes)
        throw new HsmError("REQUEST_TOO_LARGE", `${aead.name} encrypts at most ${aead.longestBytes} bytes`);
      const nonce = nonceFor(params.nonce, aead.nonceBytes);
      return { ciphertext: aead.seal(key, nonce, plaintext, params.additionalData ?? NO_DATA), nonce };
    },
    decrypt(key, { ciphertext, nonce }, params) {
      check(params);
      return aead.open(key, nonce, ciphertext, params.additionalData ?? NO_DATA);
    },
    encryptPooled: async (key, plaintext, params) => cipher.encrypt(key, plaintext, params),
    decryptPooled: async (key, sealed, params) => cipher.decrypt(key, sealed, params),
  };
  return Object.freeze(cipher);
}

/** An AEAD that OpenSSL does whole. */
export const opensslAead = (cipherName: AeadName, name: string, longestBytes: number): Aead => ({
  name,
  nonceBytes: AEAD_NONCE_BYTES,
  longestBytes,
  seal: (key, nonce, plaintext, additionalData) => sealAead(cipherName, key, nonce, plaintext, additionalData),
  open: (key, nonce, sealed, additionalData) => openAead(cipherName, key, nonce, sealed, additionalData),
});
