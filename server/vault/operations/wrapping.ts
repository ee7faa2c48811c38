/**
 * What the operations that move keys share: the parameters of wrapping, and a key out of material that was unwrapped.
 *
 * Whatever is wrong with material once it is unwrapped has the same answer as a wrapped key that does not unwrap: an answer
 * that told them apart would tell something of the material.
 */
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { digestName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { KeyMaterialFormat, WrappingMechanism, type Digest, type KeyMode } from "@keystead/contract/generated/hsm/hsm_pb";
import { WRAP_MODES } from "@keystead/contract/key-modes";
import type { Key } from "@keystead/crypto/composite-key";
import type { ImportFormat, WrapParams } from "@keystead/crypto/mechanism";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { unwrapFailed } from "@keystead/crypto/mechanisms/refusals";
import { namedMode } from "./parameters.ts";

const SCHEMES: Readonly<Record<WrappingMechanism, WrapParams["scheme"]>> = Object.freeze({
  [WrappingMechanism.UNSPECIFIED]: undefined,
  [WrappingMechanism.RSA_AES_KWP]: "rsa-aes-kwp",
  [WrappingMechanism.RSA_OAEP]: "rsa-oaep",
  [WrappingMechanism.HPKE]: "hpke",
});

/** Absent choices stay absent: the mechanism has the defaults. */
export function wrapParams(mechanism: WrappingMechanism, digest: Digest, mode?: KeyMode, additionalData?: Uint8Array): WrapParams {
  const [scheme, name] = [SCHEMES[mechanism], digestName(digest)];
  return {
    ...(scheme === undefined ? {} : { scheme }),
    ...(name === undefined ? {} : { digest: name }),
    ...(additionalData === undefined || additionalData.length === 0 ? {} : { additionalData }),
    ...namedMode(mode, WRAP_MODES),
  };
}

/** The number of a way that was taken. */
export const wrappingMechanism = (used: NonNullable<WrapParams["scheme"]>): WrappingMechanism =>
  used === "hpke" ? WrappingMechanism.HPKE : used === "rsa-oaep" ? WrappingMechanism.RSA_OAEP : WrappingMechanism.RSA_AES_KWP;

/** What a key of this algorithm is when it is wrapped: the bytes of a secret key, PKCS#8 DER of a private one. */
export const wrappedFormat = (algorithm: AlgorithmName): KeyMaterialFormat =>
  ALGORITHMS[algorithm].objectClass === "secret" ? KeyMaterialFormat.RAW : KeyMaterialFormat.PKCS8;

/** The same, as a mechanism calls it. */
export const wrappedImportFormat = (algorithm: AlgorithmName): ImportFormat =>
  ALGORITHMS[algorithm].objectClass === "secret" ? "raw" : "pkcs8";

/** The key in material that was unwrapped. @throws {HsmError} DECRYPTION_FAILED when it is no key of the algorithm */
export function keyFromUnwrapped(algorithm: AlgorithmName, format: ImportFormat, material: Uint8Array): Key {
  try {
    return mechanismFor(algorithm).importKey(format, material);
  } catch (error) {
    if (error instanceof HsmError && error.code === "INVALID_REQUEST") throw unwrapFailed();
    throw error;
  }
}
