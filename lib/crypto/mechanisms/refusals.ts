/**
 * The refusals mechanisms share, so that one failure reads the same from all of them.
 *
 * Nothing here may take key material, plaintext or an OpenSSL message into its text.
 */
import { DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { HsmError, type ErrorOptions } from "@keystead/contract/errors";
import type { SignatureParams } from "../mechanism.ts";

/** The single reply for every decryption that fails, whatever failed in it. */
export const decryptionFailed = (): HsmError => new HsmError("DECRYPTION_FAILED", "the ciphertext cannot be decrypted with this key");

/** The single reply for every wrapped key that does not unwrap, whatever failed in it, or is not the key it is said to be. */
export const unwrapFailed = (): HsmError => new HsmError("DECRYPTION_FAILED", "the wrapped key cannot be unwrapped with this key");

/** A parameter that this mechanism does not take, or takes with other values. */
export const paramInvalid = (detail: string): HsmError => new HsmError("MECHANISM_PARAM_INVALID", detail);

/** Refuses every signature parameter that is given and not in `read`. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function onlyParams(algorithm: string, params: SignatureParams, read: readonly (keyof SignatureParams)[]): void {
  for (const name of Object.keys(params) as (keyof SignatureParams)[])
    if (params[name] !== undefined && !read.includes(name)) throw paramInvalid(`${algorithm} takes no ${SPOKEN[name]}`);
}

const SPOKEN: Readonly<Record<keyof SignatureParams, string>> = Object.freeze({
  digest: "digest",
  scheme: "scheme",
  format: "format",
  context: "context",
  saltBytes: "salt",
  deterministic: "choice of nonce",
});

/** Returns if `value` is as long as the digest `name` makes it. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function checkDigestLength(name: DigestName, value: Uint8Array): void {
  const { outputBytes } = DIGESTS[name];
  if (value.byteLength !== outputBytes) throw paramInvalid(`a digest by ${name} is ${outputBytes} bytes`);
}

/** Key material from outside that is not a sound key of the algorithm. */
export const keyRefused = (detail: string, options?: ErrorOptions): HsmError =>
  new HsmError("INVALID_REQUEST", `key material refused: ${detail}`, options);

/** Stored key material that is not a key of the algorithm its record names. */
export const storedKeyUnreadable = (options?: ErrorOptions): HsmError =>
  new HsmError("INTEGRITY_FAILURE", "stored key material is not a key of its algorithm", options);
