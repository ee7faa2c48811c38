/**
 * AES in Cipher Block Chaining mode, for systems that know nothing newer: with PKCS#7 padding, or of whole blocks without
 * when that is asked for.
 *
 * CBC authenticates nothing. Every failure to decrypt reads the same, but that a ciphertext failed at all tells an
 * attacker who may send many of them whether its padding was right (Vaudenay 2002): whoever offers this mechanism to
 * such a caller must authenticate ciphertexts elsewhere. The IV is 16 random bytes drawn here, unless a caller
 * with the permission for it brings its own.
 *
 * @see NIST SP 800-38A §6.2, App. C; RFC 5652 §6.3 (padding); PKCS#11 3.1 CKM_AES_CBC_PAD
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Cipher, CipherParams, Mechanism } from "../mechanism.ts";
import { copySecret, secretBuffer, wipe } from "../wipe.ts";
import { nonceFor } from "./nonce.ts";
import { decryptOnPool, encryptOnPool } from "./pooled-cipher.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";

export const CBC_BLOCK_BYTES = 16;

function check({ additionalData, scheme, digest, label, nonce, mode }: CipherParams): void {
  if (mode !== undefined && mode !== "cbc" && mode !== "cbc_no_padding") throw paramInvalid("AES-CBC is with padding or without");
  if (nonce !== undefined && nonce.byteLength !== CBC_BLOCK_BYTES) throw paramInvalid(`the nonce must be ${CBC_BLOCK_BYTES} bytes`);
  if (additionalData !== undefined) throw paramInvalid("AES-CBC cannot authenticate additional data; use AES-GCM");
  if (scheme !== undefined || digest !== undefined || label !== undefined) throw paramInvalid("AES-CBC takes no parameters");
}

const isPadded = ({ mode }: CipherParams): boolean => mode !== "cbc_no_padding";

function checkBlocks(plaintext: Uint8Array, params: CipherParams): void {
  if (isPadded(params) || (plaintext.byteLength > 0 && plaintext.byteLength % CBC_BLOCK_BYTES === 0)) return;
  throw paramInvalid(`AES-CBC without padding encrypts whole blocks of ${CBC_BLOCK_BYTES} bytes, and at least one`);
}

function checkShape(ciphertext: Uint8Array, nonce: Uint8Array): void {
  const whole = ciphertext.byteLength > 0 && ciphertext.byteLength % CBC_BLOCK_BYTES === 0;
  if (!whole || nonce.byteLength !== CBC_BLOCK_BYTES) throw decryptionFailed();
}

function aesCbc(algorithm: AlgorithmName, name: "aes-128-cbc" | "aes-192-cbc" | "aes-256-cbc"): Mechanism {
  const cipher: Cipher = Object.freeze<Cipher>({
    cost: "inline",
    check,
    authenticates: () => false,
    encrypt(key, plaintext, params) {
      check(params);
      checkBlocks(plaintext, params);
      const nonce = nonceFor(params.nonce, CBC_BLOCK_BYTES);
      const inner = createCipheriv(name, key, nonce).setAutoPadding(isPadded(params));
      const head = inner.update(plaintext);
      const tail = inner.final();
      return { ciphertext: Buffer.concat([head, tail]), nonce };
    },
    decrypt(key, { ciphertext, nonce }, params) {
      check(params);
      checkShape(ciphertext, nonce);
      const inner = createDecipheriv(name, key, nonce).setAutoPadding(false);
      const padded = inner.update(ciphertext);
      if (!isPadded(params)) return padded;
      try {
        const length = unpaddedLength(padded);
        if (length < 0) throw decryptionFailed();
        return length === 0 ? secretBuffer(0) : copySecret(padded.subarray(0, length));
      } finally {
        wipe(padded);
      }
    },
    async encryptPooled(key, plaintext, params) {
      // WebCrypto pads always.
      if (!isPadded(params)) return cipher.encrypt(key, plaintext, params);
      check(params);
      const nonce = nonceFor(params.nonce, CBC_BLOCK_BYTES);
      return { ciphertext: await encryptOnPool(key, { name: "AES-CBC", iv: nonce }, plaintext), nonce };
    },
    async decryptPooled(key, { ciphertext, nonce }, params) {
      if (!isPadded(params)) return cipher.decrypt(key, { ciphertext, nonce }, params);
      check(params);
      checkShape(ciphertext, nonce);
      return decryptOnPool(key, { name: "AES-CBC", iv: nonce }, ciphertext);
    },
  });
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), cipher });
}

/** Length without PKCS#7 padding, or -1; always looks at the whole last block, whatever it finds there. */
function unpaddedLength(padded: Uint8Array): number {
  const count = padded[padded.byteLength - 1] ?? 0;
  let wrong = count === 0 || count > CBC_BLOCK_BYTES ? 1 : 0;
  for (let i = 1; i <= CBC_BLOCK_BYTES; i++) {
    const inPadding = i <= count ? 1 : 0;
    wrong |= inPadding & ((padded[padded.byteLength - i] ?? 0) === count ? 0 : 1);
  }
  return wrong === 0 ? padded.byteLength - count : -1;
}

export const aes128Cbc: Mechanism = aesCbc("AES-128-CBC", "aes-128-cbc");
export const aes192Cbc: Mechanism = aesCbc("AES-192-CBC", "aes-192-cbc");
export const aes256Cbc: Mechanism = aesCbc("AES-256-CBC", "aes-256-cbc");
