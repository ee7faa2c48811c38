/**
 * AES modes that authenticate nothing and need no padding: CTR and XTS.
 *
 * A changed ciphertext decrypts to changed plaintext and nothing here can tell: whoever offers such a key must
 * authenticate what it carries elsewhere, or have a format that cannot grow (disk sectors).
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { Cipher, CipherParams } from "../mechanism.ts";
import { nonceFor } from "./nonce.ts";
import { takesNoMode } from "./one-mode.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";

/** Both begin with one block: the counter, or the tweak. */
export const START_BYTES = 16;

/** One such mode. Lengths in bytes. */
export interface Mode {
  /** For OpenSSL. */
  readonly cipher: string;
  /** For people, in refusals. */
  readonly name: string;
  readonly shortestBytes: number;
  readonly longestBytes: number;
}

/** The {@link Cipher} of a mode. It runs on the calling thread, also where it is asked for on the pool. */
export function unauthenticatedCipher({ cipher: opensslName, name, shortestBytes, longestBytes }: Mode): Cipher {
  const check = ({ additionalData, scheme, digest, label, nonce, ...more }: CipherParams): void => {
    takesNoMode(more);
    if (additionalData !== undefined) throw paramInvalid(`${name} cannot authenticate additional data; use AES-GCM`);
    if (scheme !== undefined || digest !== undefined || label !== undefined) throw paramInvalid(`${name} takes no parameters`);
    if (nonce !== undefined && nonce.byteLength !== START_BYTES) throw paramInvalid(`the nonce must be ${START_BYTES} bytes`);
  };
  const cipher: Cipher = {
    cost: "inline",
    check,
    authenticates: () => false,
    encrypt(key, plaintext, params) {
      check(params);
      if (plaintext.byteLength < shortestBytes) throw paramInvalid(`${name} encrypts at least ${shortestBytes} bytes`);
      if (plaintext.byteLength > longestBytes) throw new HsmError("REQUEST_TOO_LARGE", `${name} encrypts at most ${longestBytes} bytes`);
      const nonce = nonceFor(params.nonce, START_BYTES);
      return { ciphertext: createCipheriv(opensslName, key, nonce).update(plaintext), nonce };
    },
    decrypt(key, { ciphertext, nonce }, params) {
      check(params);
      const fits = ciphertext.byteLength >= shortestBytes && ciphertext.byteLength <= longestBytes;
      if (!fits || nonce.byteLength !== START_BYTES) throw decryptionFailed();
      return createDecipheriv(opensslName, key, nonce).update(ciphertext);
    },
    encryptPooled: async (key, plaintext, params) => cipher.encrypt(key, plaintext, params),
    decryptPooled: async (key, sealed, params) => cipher.decrypt(key, sealed, params),
  };
  return Object.freeze(cipher);
}
