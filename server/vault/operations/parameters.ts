/**
 * Mechanism parameters out of request messages: enum numbers to the names the mechanisms know.
 */
import type { CipherParams, SignatureParams } from "@keystead/crypto/mechanism";
import { digestName } from "@keystead/contract/enum-names";
import { EncryptionScheme, SignatureFormat, SignatureScheme, type Digest } from "@keystead/contract/generated/hsm/hsm_pb";
import type { AlgorithmName } from "@keystead/contract/algorithms";

const NO_PARAMS: SignatureParams = Object.freeze({});

/** For Sign and Verify. Absent choices stay absent: the mechanism has the defaults. */
export function signatureParams(request: {
  readonly digest: Digest;
  readonly scheme: SignatureScheme;
  readonly format: SignatureFormat;
}): SignatureParams {
  if (request.digest === 0 && request.scheme === 0 && request.format === 0) return NO_PARAMS;
  const digest = digestName(request.digest);
  return {
    ...(digest === undefined ? {} : { digest }),
    ...(request.scheme === SignatureScheme.UNSPECIFIED
      ? {}
      : { scheme: request.scheme === SignatureScheme.PSS ? ("pss" as const) : ("pkcs1" as const) }),
    ...(request.format === SignatureFormat.UNSPECIFIED
      ? {}
      : { format: request.format === SignatureFormat.DER ? ("der" as const) : ("raw" as const) }),
  };
}

/** For Encrypt and Decrypt. Associated data is RSA-OAEP's label and an AEAD's additional data; `nonce` is Encrypt's. */
export function cipherParams(
  algorithm: AlgorithmName,
  request: { readonly associatedData: Uint8Array; readonly scheme: EncryptionScheme; readonly digest: Digest },
  nonce?: Uint8Array,
): CipherParams {
  const digest = digestName(request.digest);
  const data = request.associatedData;
  return {
    ...(data.length === 0 ? {} : algorithm.startsWith("RSA-") ? { label: data } : { additionalData: data }),
    ...(request.scheme === EncryptionScheme.UNSPECIFIED
      ? {}
      : { scheme: request.scheme === EncryptionScheme.OAEP ? ("oaep" as const) : ("pkcs1" as const) }),
    ...(digest === undefined ? {} : { digest }),
    ...(nonce === undefined || nonce.length === 0 ? {} : { nonce }),
  };
}
