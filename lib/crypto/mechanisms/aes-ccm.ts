/**
 * AES in Counter mode with CBC-MAC, for systems that have no GCM (IoT, Bluetooth, 802.15.4).
 *
 * The nonce is 12 bytes, so that a message may be 16 MiB − 1 byte; the tag is 16 bytes. With random nonces a key should
 * be rotated before 2^32 encryptions.
 *
 * @see NIST SP 800-38C; RFC 3610; PKCS#11 3.1 CKM_AES_CCM
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Mechanism } from "../mechanism.ts";
import { aeadCipher, opensslAead, type AeadName } from "./aead.ts";
import { secretKeyMethods } from "./secret-key.ts";

/** With a 12-byte nonce three bytes count the message. */
const LONGEST_BYTES = 2 ** 24 - 1;

const aesCcm = (algorithm: AlgorithmName, name: AeadName): Mechanism =>
  Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), cipher: aeadCipher(opensslAead(name, "AES-CCM", LONGEST_BYTES)) });

export const aes128Ccm: Mechanism = aesCcm("AES-128-CCM", "aes-128-ccm");
export const aes192Ccm: Mechanism = aesCcm("AES-192-CCM", "aes-192-ccm");
export const aes256Ccm: Mechanism = aesCcm("AES-256-CCM", "aes-256-ccm");
