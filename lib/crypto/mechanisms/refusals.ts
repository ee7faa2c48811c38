/**
 * The refusals mechanisms share, so that one failure reads the same from all of them.
 *
 * Nothing here may take key material, plaintext or an OpenSSL message into its text.
 */
import { HsmError, type ErrorOptions } from "@keystead/contract/errors";

/** The single reply for every decryption that fails, whatever failed in it. */
export const decryptionFailed = (): HsmError => new HsmError("DECRYPTION_FAILED", "the ciphertext cannot be decrypted with this key");

/** A parameter that this mechanism does not take, or takes with other values. */
export const paramInvalid = (detail: string): HsmError => new HsmError("MECHANISM_PARAM_INVALID", detail);

/** Key material from outside that is not a sound key of the algorithm. */
export const keyRefused = (detail: string, options?: ErrorOptions): HsmError =>
  new HsmError("INVALID_REQUEST", `key material refused: ${detail}`, options);

/** Stored key material that is not a key of the algorithm its record names. */
export const storedKeyUnreadable = (options?: ErrorOptions): HsmError =>
  new HsmError("INTEGRITY_FAILURE", "stored key material is not a key of its algorithm", options);
