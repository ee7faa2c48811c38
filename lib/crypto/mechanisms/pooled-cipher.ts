/**
 * Encryption on the thread pool.
 *
 * node:crypto has no asynchronous ciphers, but its WebCrypto runs on libuv's pool and takes a KeyObject without exporting
 * it. The results are those of the synchronous forms; the suite opens each with the other. Input is copied when
 * the call is made. This file must never keep a CryptoKey: making one is cheap, and the KeyObject's owner decides how long
 * a key lives.
 *
 * @see W3C WebCrypto §22 (RSA-OAEP), §25 (AES-CBC), §26 (AES-GCM)
 */
import { webcrypto, type KeyObject } from "node:crypto";
import { decryptionFailed } from "./refusals.ts";

/** What WebCrypto is told beside the key. `hash` belongs to the key in WebCrypto, `iv` and the rest to the operation. */
export interface PooledAlgorithm {
  readonly name: "AES-GCM" | "AES-CBC" | "RSA-OAEP";
  readonly hash?: string;
  readonly iv?: Uint8Array;
  readonly additionalData?: Uint8Array;
  readonly tagLength?: number;
  readonly label?: Uint8Array;
}

/** The ciphertext, as WebCrypto lays it out: for AES-GCM ct || tag. */
export async function encryptOnPool(key: KeyObject, algorithm: PooledAlgorithm, plaintext: Uint8Array): Promise<Buffer> {
  const handle = key.toCryptoKey(algorithm as never, false, ["encrypt"]);
  return Buffer.from(await webcrypto.subtle.encrypt(algorithm as never, handle, plaintext as Uint8Array<ArrayBuffer>));
}

/**
 * The plaintext, on memory of its own; the caller wipes it.
 *
 * @throws {HsmError} DECRYPTION_FAILED
 */
export async function decryptOnPool(key: KeyObject, algorithm: PooledAlgorithm, ciphertext: Uint8Array): Promise<Buffer> {
  const handle = key.toCryptoKey(algorithm as never, false, ["decrypt"]);
  try {
    return Buffer.from(await webcrypto.subtle.decrypt(algorithm as never, handle, ciphertext as Uint8Array<ArrayBuffer>));
  } catch (error) {
    if (error instanceof Error && error.name === "OperationError") throw decryptionFailed();
    throw error;
  }
}
