/**
 * AES-GCM-SIV: an AEAD that survives a repeated nonce. Two messages under one nonce show whether they are equal, and
 * nothing else.
 *
 * RFC 8452 defines it for 128 and 256-bit keys only. The nonce is 12 random bytes, the tag 16 bytes.
 *
 * @see RFC 8452
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Mechanism } from "../mechanism.ts";
import { aeadCipher, opensslAead, type AeadName } from "./aead.ts";
import { secretKeyMethods } from "./secret-key.ts";

/** RFC 8452 §6 allows 2^36; a request is shorter than this. */
const LONGEST_BYTES = 2 ** 31 - 1;

const aesGcmSiv = (algorithm: AlgorithmName, name: AeadName): Mechanism =>
  Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), cipher: aeadCipher(opensslAead(name, "AES-GCM-SIV", LONGEST_BYTES)) });

export const aes128GcmSiv: Mechanism = aesGcmSiv("AES-128-GCM-SIV", "aes-128-gcm-siv");
export const aes256GcmSiv: Mechanism = aesGcmSiv("AES-256-GCM-SIV", "aes-256-gcm-siv");
