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
import type { Cipher, CipherParams } from "../mechanism.ts";
import { decryptionFailed, paramInvalid } from "./refusals.ts";

const NO_NONCE_BYTES = 0;
const PKCS1_OVERHEAD_BYTES = 11;

/** What OpenSSL is told beside the key, and how much the padding takes from the modulus. */
interface Padding {
  readonly options: { readonly padding: number; readonly oaepHash?: string; readonly oaepLabel?: Uint8Array };
  readonly overheadBytes: number;
}

function choose({ additionalData, scheme = "oaep", digest, label }: CipherParams): Padding {
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

/** Cipher of every RSA mechanism. */
export const rsaCipher: Cipher = Object.freeze<Cipher>({
  cost: "pool",
  check: (params) => void choose(params),
  encrypt(key, plaintext, params) {
    const { options, overheadBytes } = choose(params);
    const longest = modulusBytesOf(key) - overheadBytes;
    if (plaintext.byteLength > longest) throw new HsmError("REQUEST_TOO_LARGE", `with these parameters this key encrypts at most ${longest} bytes`);
    return { ciphertext: publicEncrypt({ key, ...options }, plaintext), nonce: Buffer.alloc(NO_NONCE_BYTES) };
  },
  decrypt(key, { ciphertext, nonce }, params) {
    const { options } = choose(params);
    if (nonce.byteLength !== NO_NONCE_BYTES || ciphertext.byteLength !== modulusBytesOf(key)) throw decryptionFailed();
    try {
      return privateDecrypt({ key, ...options }, ciphertext);
    } catch {
      throw decryptionFailed();
    }
  },
});
