/**
 * Encrypting a key for somebody outside, by a public key they gave.
 *
 * The public key is read strictly and must be worth using: SubjectPublicKeyInfo in PEM, RSA of 2048 to 8192 bits. This
 * file must never take a private key or a certificate for a public key, which Node's own reader does.
 *
 * @see PKCS#11 3.1 CKM_RSA_AES_KEY_WRAP; RFC 7468 §13; NIST SP 800-131A Rev. 2 §6 (sizes)
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { WrapParams } from "./mechanism.ts";
import { rsaWrapper } from "./mechanisms/rsa-wrapper.ts";

const SHORTEST_BITS = 2048;
const LONGEST_BITS = 8192;

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `the recipient's public key is refused: ${detail}`);

/** @throws {HsmError} INVALID_REQUEST */
function readRecipient(pem: string): KeyObject {
  const body = /^\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)\s-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
  if (body === undefined) throw refused("not exactly one PEM block PUBLIC KEY");
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(Uint8Array.fromBase64(body)), format: "der", type: "spki" });
  } catch {
    throw refused("it cannot be parsed");
  }
  if (key.asymmetricKeyType !== "rsa") throw refused("it is not an RSA (rsaEncryption) key");
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < SHORTEST_BITS || bits > LONGEST_BITS || bits % 8 !== 0)
    throw refused(`its modulus must have ${SHORTEST_BITS} to ${LONGEST_BITS} bits`);
  return key;
}

/**
 * `material` encrypted for the holder of `publicKeyPem`.
 *
 * @throws {HsmError} INVALID_REQUEST          the public key
 * @throws {HsmError} MECHANISM_PARAM_INVALID  the parameters
 * @throws {HsmError} REQUEST_TOO_LARGE        RSA-OAEP alone cannot carry so much
 */
export const wrapForRecipient = (publicKeyPem: string, material: Uint8Array, params: WrapParams): Buffer =>
  rsaWrapper.wrap(readRecipient(publicKeyPem), material, params);
