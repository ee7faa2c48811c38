/**
 * Encrypting a key for somebody outside, by a public key they gave.
 *
 * The public key is read strictly and must be worth using: SubjectPublicKeyInfo in PEM, RSA of 2048 to 8192 bits, or a key
 * that HPKE knows. This file must never take a private key or a certificate for a public key, which Node's own reader does.
 *
 * @see PKCS#11 3.1 CKM_RSA_AES_KEY_WRAP; RFC 9180; RFC 7468 §13; NIST SP 800-131A Rev. 2 §6 (sizes)
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { WrapParams, Wrapper } from "./mechanism.ts";
import { ecdhP256, ecdhP384, ecdhP521 } from "./mechanisms/ecdh.ts";
import { x25519, x448 } from "./mechanisms/montgomery.ts";
import { rsaWrapper } from "./mechanisms/rsa-wrapper.ts";

const SHORTEST_BITS = 2048;
const LONGEST_BITS = 8192;
/** FIPS 186-5 App. A.1.1. */
const LEAST_EXPONENT = 65537n;

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `the recipient's public key is refused: ${detail}`);

const HPKE: Readonly<Record<string, Wrapper | undefined>> = Object.freeze({
  x25519: x25519.wrapper,
  x448: x448.wrapper,
  prime256v1: ecdhP256.wrapper,
  secp384r1: ecdhP384.wrapper,
  secp521r1: ecdhP521.wrapper,
});

/** A recipient, and the wrapper for keys of its kind. @throws {HsmError} INVALID_REQUEST */
function readRecipient(pem: string): { key: KeyObject; wrapper: Wrapper } {
  const body = /^\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)\s-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
  if (body === undefined) throw refused("not exactly one PEM block PUBLIC KEY");
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(Uint8Array.fromBase64(body)), format: "der", type: "spki" });
  } catch {
    throw refused("it cannot be parsed");
  }
  const { modulusLength: bits = 0, publicExponent = 0n, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") {
    if (bits < SHORTEST_BITS || bits > LONGEST_BITS || bits % 8 !== 0)
      throw refused(`its modulus must have ${SHORTEST_BITS} to ${LONGEST_BITS} bits`);
    if (publicExponent < LEAST_EXPONENT) throw refused(`its public exponent must be ${LEAST_EXPONENT} or more`);
    return { key, wrapper: rsaWrapper };
  }
  const name = key.asymmetricKeyType === "ec" ? namedCurve : (key.asymmetricKeyType ?? "");
  const wrapper = Object.hasOwn(HPKE, name) ? HPKE[name] : undefined;
  if (wrapper === undefined) throw refused("it must be RSA (rsaEncryption), X25519, X448, P-256, P-384 or P-521");
  return { key, wrapper };
}

/** A key wrapped for somebody, and how. */
export interface ForRecipient {
  readonly wrapped: Buffer;
  readonly scheme: NonNullable<WrapParams["scheme"]>;
}

/**
 * `material` encrypted for the holder of `publicKeyPem`.
 *
 * @throws {HsmError} INVALID_REQUEST          the public key
 * @throws {HsmError} MECHANISM_PARAM_INVALID  the parameters
 * @throws {HsmError} REQUEST_TOO_LARGE        RSA-OAEP alone cannot carry so much
 */
export function wrapForRecipient(publicKeyPem: string, material: Uint8Array, params: WrapParams): ForRecipient {
  const { key, wrapper } = readRecipient(publicKeyPem);
  let wrapped: Buffer;
  try {
    wrapped = wrapper.wrap(key, material, params);
  } catch (error) {
    if (error instanceof HsmError) throw error;
    throw refused("nothing can be encrypted to it"); // a point of small order
  }
  return { wrapped, scheme: params.scheme ?? (wrapper === rsaWrapper ? "rsa-aes-kwp" : "hpke") };
}
