/**
 * AES in Galois/Counter Mode with 128, 192 and 256-bit keys.
 *
 * Ciphertext is ct || tag. The nonce is 12 random bytes drawn here, unless a caller with the permission for it brings its
 * own, of 8 to 64 bytes: one nonce used twice under a key gives away the authentication key. With random nonces a key should be rotated before 2^32
 * encryptions (SP 800-38D §8.3): the vault counts uses, this file does not.
 *
 * @see NIST SP 800-38D; RFC 5116 §5.1
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Cipher, CipherParams, Mechanism } from "../mechanism.ts";
import {
  checkGcmNonce,
  gcmNonceFor,
  GCM_NONCE_BYTES,
  GCM_TAG_BYTES,
  isGcmNonce,
  openWithNonce,
  sealTo,
  sealWithNonce,
  type GcmName,
} from "./gcm-nonce.ts";
import { gcmWrapper } from "./gcm-wrapper.ts";
import { takesNoMode } from "./one-mode.ts";
import { decryptOnPool, encryptOnPool, type PooledAlgorithm } from "./pooled-cipher.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";

const NO_DATA = new Uint8Array(0);

function check({ scheme, digest, label, nonce, ...more }: CipherParams): void {
  takesNoMode(more);
  checkGcmNonce(nonce);
  if (scheme !== undefined || digest !== undefined || label !== undefined) throw paramInvalid("AES-GCM takes additional data only");
}

const pooled = (nonce: Uint8Array, { additionalData = NO_DATA }: CipherParams): PooledAlgorithm => ({
  name: "AES-GCM",
  iv: nonce,
  additionalData,
  tagLength: 8 * GCM_TAG_BYTES,
});

function aesGcm(algorithm: AlgorithmName, name: GcmName): Mechanism {
  const cipher: Cipher = Object.freeze<Cipher>({
    cost: "inline",
    check,
    authenticates: () => true,
    encrypt(key, plaintext, params) {
      check(params);
      const nonce = gcmNonceFor(params.nonce);
      return { ciphertext: sealWithNonce(name, key, nonce, plaintext, params.additionalData ?? NO_DATA), nonce };
    },
    encryptBehind(key, plaintext, params, headBytes) {
      check(params);
      const nonce = gcmNonceFor(params.nonce);
      const at = headBytes + nonce.byteLength;
      const bytes = Buffer.allocUnsafeSlow(at + plaintext.byteLength + GCM_TAG_BYTES).fill(0, 0, headBytes);
      bytes.set(nonce, headBytes);
      sealTo(bytes, at, name, key, nonce, plaintext, params.additionalData ?? NO_DATA);
      return { bytes, nonceBytes: nonce.byteLength };
    },
    decrypt(key, { ciphertext, nonce }, params) {
      check(params);
      return openWithNonce(name, key, nonce, ciphertext, params.additionalData ?? NO_DATA);
    },
    // Not every length is one that Node has on its pool: only the usual nonces go there.
    async encryptPooled(key, plaintext, params) {
      check(params);
      const nonce = gcmNonceFor(params.nonce);
      if (nonce.byteLength !== GCM_NONCE_BYTES)
        return { ciphertext: sealWithNonce(name, key, nonce, plaintext, params.additionalData ?? NO_DATA), nonce };
      return { ciphertext: await encryptOnPool(key, pooled(nonce, params), plaintext), nonce };
    },
    async decryptPooled(key, { ciphertext, nonce }, params) {
      check(params);
      if (!isGcmNonce(nonce) || ciphertext.byteLength < GCM_TAG_BYTES) throw decryptionFailed();
      if (nonce.byteLength !== GCM_NONCE_BYTES) return openWithNonce(name, key, nonce, ciphertext, params.additionalData ?? NO_DATA);
      return decryptOnPool(key, pooled(nonce, params), ciphertext);
    },
  });
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), cipher, wrapper: gcmWrapper(name) });
}

export const aes128Gcm: Mechanism = aesGcm("AES-128-GCM", "aes-128-gcm");
export const aes192Gcm: Mechanism = aesGcm("AES-192-GCM", "aes-192-gcm");
export const aes256Gcm: Mechanism = aesGcm("AES-256-GCM", "aes-256-gcm");
