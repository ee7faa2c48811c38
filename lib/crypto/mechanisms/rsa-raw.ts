/**
 * RSA's private operation over bytes that nobody hashed here: in the padding of PKCS#1 v1.5 signatures, or as they are.
 *
 * Whoever may have the second signs and decrypts whatever they like, which is why the vault gives it only to keys that
 * name it. Blinding and the check of the result against faults are OpenSSL's; Node has the operation on the calling
 * thread alone. This file must never be reached by another operation than SignRaw.
 *
 * @see RFC 8017 §5.2.1 (RSASP1), §8.2.1 with §9.2 step 4 (the padding, without a DigestInfo); PKCS#11 3.2 §6.1.6, §6.1.9
 */
import { constants, privateEncrypt, type KeyObject } from "node:crypto";
import type { RawPadding } from "@keystead/contract/mechanism-names";
import { paramInvalid } from "./refusals.ts";

/** 00 01, at least eight FF, 00 (RFC 8017 §9.2). */
const PADDING_BYTES = 11;

/**
 * The result, as long as the modulus.
 *
 * @param data pkcs1: 0 bytes to 11 fewer than the modulus has; none: as many as the modulus, and a smaller number
 * @throws {HsmError} MECHANISM_PARAM_INVALID
 */
export function signRaw(key: KeyObject, data: Uint8Array, padding: RawPadding, sizeBits: number): Buffer {
  const modulusBytes = sizeBits / 8;
  if (padding === "pkcs1") {
    const most = modulusBytes - PADDING_BYTES;
    if (data.byteLength > most) throw paramInvalid(`PKCS#1 v1.5 goes around at most ${most} bytes with this key`);
    return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data);
  }
  if (data.byteLength !== modulusBytes) throw paramInvalid(`without padding it takes ${modulusBytes} bytes with this key`);
  try {
    return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, data);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_MODULUS")
      throw paramInvalid("without padding it takes a number smaller than the modulus");
    throw error;
  }
}
