/**
 * RSA encryption: RSAES-OAEP, and RSAES-PKCS1-v1_5 for those who must.
 *
 * **PKCS#1 v1.5** decryption does not tell whether the padding was right. OpenSSL's implicit rejection stays on: for
 * wrong padding `decrypt` *succeeds* and returns bytes derived from key and ciphertext, of a length between 0 and the
 * longest possible, the same on every attempt. Only a ciphertext of the wrong length, or not below the modulus, is
 * DECRYPTION_FAILED. A caller must therefore authenticate what it gets, and must not reveal whether that worked in
 * more detail than DECRYPTION_FAILED. This file must never turn implicit rejection off.
 *
 * @see RFC 8017 §7.1, §7.2; draft-irtf-cfrg-rsa-guidance (implicit rejection); EVP_PKEY_CTX_ctrl_str(3)
 */
import { constants, privateDecrypt, publicEncrypt, type KeyObject } from "node:crypto";
import { DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { opensslDigest } from "../digest.ts";
import type { Cipher, CipherParams, Ciphertext } from "../mechanism.ts";
import { takesNoMode } from "./one-mode.ts";
import { decryptOnPool } from "./pooled-cipher.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";

const NO_NONCE_BYTES = 0;
const PKCS1_OVERHEAD_BYTES = 11;

/** What OpenSSL is told beside the key, and how much the padding takes from the modulus. */
interface Padding {
  readonly options: { readonly padding: number; readonly oaepHash?: string; readonly oaepLabel?: Uint8Array };
  readonly overheadBytes: number;
}

function choose({ additionalData, scheme = "oaep", digest, label, nonce, ...more }: CipherParams): Padding {
  takesNoMode(more);
  if (nonce !== undefined) throw paramInvalid("RSA takes no nonce");
  if (additionalData !== undefined) throw paramInvalid("RSA takes no additional data; OAEP takes a label");
  if (scheme === "oaep") return oaep(digest ?? "SHA-256", label);
  if (scheme !== "pkcs1") throw paramInvalid("the scheme is oaep or pkcs1");
  if (digest !== undefined || label !== undefined) throw paramInvalid("PKCS#1 v1.5 encryption takes no digest and no label");
  return { options: { padding: constants.RSA_PKCS1_PADDING }, overheadBytes: PKCS1_OVERHEAD_BYTES };
}

function oaep(digest: DigestName, label: Uint8Array | undefined): Padding {
  const base = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: opensslDigest(digest) };
  return {
    options: label === undefined || label.byteLength === 0 ? base : { ...base, oaepLabel: label },
    overheadBytes: 2 * DIGESTS[digest].outputBytes + 2,
  };
}

/** Longest plaintext in bytes under a modulus of `modulusBytes`: k − 2h − 2 (OAEP) or k − 11 (PKCS#1 v1.5). */
export const maxPlaintextBytes = (modulusBytes: number, params: CipherParams): number => modulusBytes - choose(params).overheadBytes;

const modulusBytesOf = (key: KeyObject): number => (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;

/** The digests for which WebCrypto has RSA-OAEP. */
const POOLED_DIGESTS: readonly DigestName[] = ["SHA-256", "SHA-384", "SHA-512"];

function checkShape(key: KeyObject, { ciphertext, nonce }: Ciphertext): void {
  if (nonce.byteLength !== NO_NONCE_BYTES || ciphertext.byteLength !== modulusBytesOf(key)) throw decryptionFailed();
}

/** Cipher of every RSA mechanism. */
export const rsaCipher: Cipher = Object.freeze<Cipher>({
  cost: "pool",
  check: (params) => void choose(params),
  // A wrong key of PKCS#1 v1.5 gives bytes, too.
  authenticates: ({ scheme }) => scheme !== "pkcs1",
  encrypt(key, plaintext, params) {
    const { options, overheadBytes } = choose(params);
    const longest = modulusBytesOf(key) - overheadBytes;
    if (plaintext.byteLength > longest)
      throw new HsmError("REQUEST_TOO_LARGE", `with these parameters this key encrypts at most ${longest} bytes`);
    return { ciphertext: publicEncrypt({ key, ...options }, plaintext), nonce: Buffer.alloc(NO_NONCE_BYTES) };
  },
  decrypt(key, sealed, params) {
    const { options } = choose(params);
    checkShape(key, sealed);
    try {
      return privateDecrypt({ key, ...options }, sealed.ciphertext);
    } catch {
      throw decryptionFailed();
    }
  },
  encryptPooled: async (key, plaintext, params) => rsaCipher.encrypt(key, plaintext, params),
  async decryptPooled(key, sealed, params) {
    choose(params);
    const { scheme = "oaep", digest = "SHA-256", label } = params;
    if (scheme !== "oaep" || !POOLED_DIGESTS.includes(digest)) return rsaCipher.decrypt(key, sealed, params);
    checkShape(key, sealed);
    return decryptOnPool(key, { name: "RSA-OAEP", hash: digest, ...(label === undefined ? {} : { label }) }, sealed.ciphertext);
  },
});
