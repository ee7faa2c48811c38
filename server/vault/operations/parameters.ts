/**
 * Mechanism parameters out of request messages: enum numbers to the names the mechanisms know.
 */
import type { CipherParams, MacParams, SignatureParams } from "@keystead/crypto/mechanism";
import { digestName, enumSpelling } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { CIPHER_MODES, MAC_MODES } from "@keystead/contract/key-modes";
import {
  EncryptionScheme,
  KeyMode,
  KeyModeSchema,
  SignatureFormat,
  SignatureScheme,
  type Digest,
} from "@keystead/contract/generated/hsm/hsm_pb";
import type { AlgorithmName } from "@keystead/contract/algorithms";

const SCHEMES: Readonly<Record<SignatureScheme, SignatureParams["scheme"] | undefined>> = Object.freeze({
  [SignatureScheme.UNSPECIFIED]: undefined,
  [SignatureScheme.PSS]: "pss",
  [SignatureScheme.PKCS1]: "pkcs1",
  [SignatureScheme.PREHASH]: "prehash",
});
/** A mode that a request named, among those its operation has. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function namedMode<M extends string>(mode: KeyMode | undefined, known: readonly M[]): { readonly mode?: M } {
  if (mode === undefined || mode === KeyMode.UNSPECIFIED) return {};
  const spelling = enumSpelling(KeyModeSchema, mode);
  const named = known.find((name) => name === spelling);
  if (named === undefined) throw new HsmError("MECHANISM_PARAM_INVALID", `mode: here it is one of ${known.join(", ")}`);
  return { mode: named };
}
const NO_BYTES = new Uint8Array();
const NO_PARAMS: SignatureParams = Object.freeze({});

/** For Sign and Verify. Absent choices stay absent: the mechanism has the defaults. */
export function signatureParams(request: {
  readonly digest: Digest;
  readonly scheme: SignatureScheme;
  readonly format: SignatureFormat;
  readonly context?: Uint8Array;
  readonly saltBytes?: number | undefined;
  readonly deterministic?: boolean;
}): SignatureParams {
  const { context = NO_BYTES, saltBytes, deterministic = false } = request;
  const scheme = SCHEMES[request.scheme];
  if (
    request.digest === 0 &&
    scheme === undefined &&
    request.format === 0 &&
    context.length === 0 &&
    saltBytes === undefined &&
    !deterministic
  )
    return NO_PARAMS;
  const digest = digestName(request.digest);
  return {
    ...(digest === undefined ? {} : { digest }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(context.length === 0 ? {} : { context }),
    ...(saltBytes === undefined ? {} : { saltBytes }),
    ...(deterministic ? { deterministic } : {}),
    ...(request.format === SignatureFormat.UNSPECIFIED
      ? {}
      : { format: request.format === SignatureFormat.DER ? ("der" as const) : ("raw" as const) }),
  };
}

/** For Encrypt and Decrypt. Associated data is RSA-OAEP's label and an AEAD's additional data; `nonce` is Encrypt's. */
export function cipherParams(
  algorithm: AlgorithmName,
  request: { readonly associatedData: Uint8Array; readonly scheme: EncryptionScheme; readonly digest: Digest; readonly mode?: KeyMode },
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
    ...namedMode(request.mode, CIPHER_MODES),
    ...(nonce === undefined || nonce.length === 0 ? {} : { nonce }),
  };
}

const NO_MAC_PARAMS: MacParams = Object.freeze({});

/** For GenerateMac and VerifyMac. */
export function macParams(request: {
  readonly nonce: Uint8Array;
  readonly customization: Uint8Array;
  readonly macBytes: number;
  readonly mode?: KeyMode;
}): MacParams {
  const { nonce, customization, macBytes, mode = 0 } = request;
  if (nonce.length === 0 && customization.length === 0 && macBytes === 0 && mode === 0) return NO_MAC_PARAMS;
  return {
    ...(nonce.length === 0 ? {} : { nonce }),
    ...(customization.length === 0 ? {} : { customization }),
    ...(macBytes === 0 ? {} : { macBytes }),
    ...namedMode(mode, MAC_MODES),
  };
}
