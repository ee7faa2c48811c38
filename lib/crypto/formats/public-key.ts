/**
 * The forms a public key leaves in: SPKI PEM, SPKI DER, JWK; and the two digests that name it.
 *
 * Every function takes either half of a pair and looks only at the public one. This file must never export a
 * private number: {@link publicHalf} comes first everywhere.
 *
 * @see RFC 5280 §4.1 (SPKI); RFC 7468 §13; RFC 7517; RFC 7638 (thumbprint); RFC 8037;
 *   draft-ietf-cose-dilithium §3 (kty AKP)
 */
import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { CompositeKey, type Key } from "../composite-key.ts";
import { shortSpki } from "./rfc8410.ts";

/** A public JWK as this file makes it. */
export interface PublicJwk {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly pub?: string;
  /** JOSE name of the algorithm's default mechanism; a key may be used with others. */
  readonly alg: string;
  readonly use: "sig" | "enc";
  /** RFC 7638 thumbprint with SHA-256, base64url. */
  readonly kid: string;
}

/**
 * The public half of either half. Parses nothing, but allocates: keep the result where it is needed often.
 *
 * @throws {HsmError} MECHANISM_NOT_SUPPORTED   `key` is a secret key
 */
export function publicHalf<K extends Key>(key: K): K;
export function publicHalf(key: Key): Key {
  if (key instanceof CompositeKey) return key.publicHalf();
  if (key.type === "public") return key;
  if (key.type === "private") return createPublicKey(key);
  throw new HsmError("MECHANISM_NOT_SUPPORTED", "a secret key has no public half");
}

/** SubjectPublicKeyInfo in DER. */
export function publicKeyDer(key: Key): Buffer {
  if (key instanceof CompositeKey) return key.publicKeyDer();
  const publicKey = publicHalf(key);
  return shortSpki(publicKey) ?? publicKey.export({ format: "der", type: "spki" });
}

/** SubjectPublicKeyInfo in PEM ("-----BEGIN PUBLIC KEY-----"), ending in a line feed. */
export const publicKeyPem = (key: Key): string => pem("PUBLIC KEY", publicKeyDer(key));

/** One PEM block of DER, ending in a line feed (RFC 7468 §2: lines of 64 characters). Never for private keys: it makes a string. */
export const pem = (label: "PUBLIC KEY" | "CERTIFICATE" | "CERTIFICATE REQUEST", der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;

/**
 * The public JWK, with `alg`, `use` and the thumbprint as `kid`.
 *
 * @param use what it is published for: "enc" for algorithms that cannot sign, "sig" by default for the others; "enc" is
 *   also for RSA
 * @throws {HsmError} MECHANISM_NOT_SUPPORTED   `key` is a secret key
 * @throws {HsmError} MECHANISM_PARAM_INVALID   the algorithm cannot encrypt, or is not of `key`
 * @example
 * publicKeyJwk(key, "ECDSA-P256"); // { kty: "EC", crv: "P-256", x, y, alg: "ES256", use: "sig", kid }
 */
export function publicKeyJwk(key: Key, algorithm: AlgorithmName, use: "sig" | "enc" = usual(algorithm)): PublicJwk {
  if (key instanceof CompositeKey) throw new HsmError("MECHANISM_NOT_SUPPORTED", `a public key of ${algorithm} has no JWK`);
  const { kty, crv, x, y, n, e, alg, pub } = publicHalf(key).export({ format: "jwk" }) as Members;
  const required = requiredMembers({ kty, crv, x, y, n, e, alg, pub });
  const { family, jose } = ALGORITHMS[algorithm];
  if (jose === undefined || !isOf(algorithm, key)) throw new HsmError("MECHANISM_PARAM_INVALID", "the key is not of that algorithm");
  if (use === "enc" && family !== "rsa" && usual(algorithm) === "sig")
    throw new HsmError("MECHANISM_PARAM_INVALID", "only an RSA key can be published for encryption");
  return { ...required, alg: use === "enc" && family === "rsa" ? "RSA-OAEP-256" : jose, use, kid: thumbprint(required) };
}

const usual = (algorithm: AlgorithmName): "sig" | "enc" =>
  (ALGORITHMS[algorithm].usages as readonly string[]).includes("sign") ? "sig" : "enc";

const CURVES: Readonly<Partial<Record<AlgorithmName, string>>> = {
  "ECDSA-P256": "prime256v1",
  "ECDSA-P384": "secp384r1",
  "ECDSA-P521": "secp521r1",
  "ECDSA-secp256k1": "secp256k1",
  "ECDH-P256": "prime256v1",
  "ECDH-P384": "secp384r1",
  "ECDH-P521": "secp521r1",
  "ECDH-secp256k1": "secp256k1",
};

function isOf(algorithm: AlgorithmName, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { family, sizeBits } = ALGORITHMS[algorithm];
  if (family === "ml-kem" || family === "ml-dsa" || family === "slh-dsa") return asymmetricKeyType === algorithm.toLowerCase();
  if (family === "ecdh") return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === CURVES[algorithm];
  if (asymmetricKeyType !== family) return false;
  if (family === "rsa") return asymmetricKeyDetails?.modulusLength === sizeBits;
  return family !== "ec" || asymmetricKeyDetails?.namedCurve === CURVES[algorithm];
}

/** The members RFC 7638 §3.2 (and RFC 8037 §2) hashes, in their order: by name. */
const THUMBPRINT_MEMBERS: Readonly<Record<string, readonly ("alg" | "crv" | "e" | "kty" | "n" | "pub" | "x" | "y")[]>> = {
  AKP: ["alg", "kty", "pub"],
  EC: ["crv", "kty", "x", "y"],
  OKP: ["crv", "kty", "x"],
  RSA: ["e", "kty", "n"],
};

type Members = {
  readonly kty?: string | undefined;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
  readonly alg?: string | undefined;
  readonly pub?: string | undefined;
};
type RequiredMembers = {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly alg?: string;
  readonly pub?: string;
};

function requiredMembers(jwk: Members): RequiredMembers {
  const names = THUMBPRINT_MEMBERS[jwk.kty ?? ""];
  if (names === undefined) throw new HsmError("MECHANISM_NOT_SUPPORTED", "a key of this type has no thumbprint here");
  const entries = names.map((name) => {
    const value = jwk[name];
    if (typeof value !== "string") throw new HsmError("INVALID_REQUEST", `the JWK has no ${name}`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries) as RequiredMembers;
}

/**
 * The RFC 7638 thumbprint: SHA-256 over the required members, base64url without padding.
 *
 * @throws {HsmError} INVALID_REQUEST           a required member is missing
 * @throws {HsmError} MECHANISM_NOT_SUPPORTED   a `kty` other than AKP, EC, OKP, RSA
 */
export function thumbprint(jwk: Members): string {
  return hash("sha256", JSON.stringify(requiredMembers(jwk)), "base64url");
}

/** SHA-256 over the SPKI DER, lower-case hexadecimal (64 digits): names a public key whatever form it is in. */
export const fingerprint = (key: Key): string => hash("sha256", publicKeyDer(key), "hex");
