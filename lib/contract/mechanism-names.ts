/**
 * The ways a key can be used, by name: what the attribute `allowed_mechanisms` lists (CKA_ALLOWED_MECHANISMS).
 *
 * Most keys have one way, which has the name of their algorithm. A key whose requests can choose a scheme, a digest or a
 * function has one name for each choice; what a request leaves out counts as what it then means.
 *
 *      RSA          RSA-PSS-SHA-256, RSA-PKCS1-SHA-256 and so on; RSA-PSS-DIGEST, RSA-PKCS1-DIGEST (SignDigest);
 *                   RSA-OAEP-SHA-256 and so on (data and keys); RSA-PKCS1 (data); RSA-AES-KWP (keys);
 *                   RSA-PKCS1-BARE, RSA-RAW (SignRaw), which a key has only if it names them
 *      ECDSA        ECDSA-SHA-256 and so on; ECDSA-DIGEST (SignDigest)
 *      EdDSA        Ed25519, Ed25519ph; Ed448, Ed448ph
 *      X25519 ...   the algorithm (AgreeKey, Encapsulate, Decapsulate); HPKE where messages or keys are sealed to it
 *      secrets      the names of derivations; HPKE-PSK; HMAC-SHA-256 and so on
 *      AES          of no one mode: AES-256-GCM, AES-256-CBC, AES-256-CBC-NO-PADDING, AES-256-CMAC and so on
 *      AES-CBC      AES-256-CBC, AES-256-CBC-NO-PADDING
 *
 * @see PKCS#11 3.1 §4.8 (CKA_ALLOWED_MECHANISMS)
 */
import { ALGORITHMS, DIGEST_NAMES, type AlgorithmName, type DigestName } from "./algorithms.ts";
import { KDFS, type KdfName } from "./kdfs.ts";
import { isAnyModeAes, modeName, modesOf, type CipherMode, type MacMode, type WrapMode } from "./key-modes.ts";

/** What a request chose, as far as it makes a difference; the names of the mechanisms' own parameters. */
export interface SignatureChoice {
  readonly scheme?: "pss" | "pkcs1" | "prehash";
  readonly digest?: DigestName;
}
export interface EncryptionChoice {
  readonly mode?: CipherMode;
  readonly scheme?: "oaep" | "pkcs1";
  readonly digest?: DigestName;
}
export interface MacChoice {
  readonly mode?: MacMode;
}
export interface WrappingChoice {
  readonly mode?: WrapMode;
  readonly scheme?: "rsa-aes-kwp" | "rsa-oaep" | "hpke";
  readonly digest?: DigestName;
}

/** What SignRaw puts around the bytes. */
export type RawPadding = "pkcs1" | "none";

/** The bare private operation, for keys that only sign and verify: it is decryption, too. */
export const RSA_RAW = "RSA-RAW";
const RAW_MECHANISMS: Readonly<Record<RawPadding, string>> = Object.freeze({ pkcs1: "RSA-PKCS1-BARE", none: RSA_RAW });

/** Ways that are so broad that a key has them only if its `allowed_mechanisms` names them. */
export const NAMED_ONLY: readonly string[] = Object.freeze(Object.values(RAW_MECHANISMS));

export const HPKE = "HPKE";
export const HPKE_PSK = "HPKE-PSK";

const SIGNATURE_DIGESTS = DIGEST_NAMES.filter((name) => name !== "BLAKE3");
/** Digests that a signature has when nobody says which. */
const ECDSA_DIGESTS: Readonly<Record<string, DigestName>> = Object.freeze({ "ECDSA-P384": "SHA-384", "ECDSA-P521": "SHA-512" });

/** How Sign and Verify use a key. */
export function signatureMechanism(algorithm: AlgorithmName, { scheme, digest }: SignatureChoice): string {
  const { family } = ALGORITHMS[algorithm];
  if (family === "rsa") return `RSA-${scheme === "pkcs1" ? "PKCS1" : "PSS"}-${digest ?? "SHA-256"}`;
  if (family === "ec") return `ECDSA-${digest ?? ECDSA_DIGESTS[algorithm] ?? "SHA-256"}`;
  return scheme === "prehash" ? `${algorithm}ph` : algorithm;
}

/** How SignDigest uses a key. */
export function digestMechanism(algorithm: AlgorithmName, { scheme }: SignatureChoice): string {
  const { family } = ALGORITHMS[algorithm];
  return family === "rsa" ? `RSA-${scheme === "pkcs1" ? "PKCS1" : "PSS"}-DIGEST` : family === "ec" ? "ECDSA-DIGEST" : algorithm;
}

/** How SignRaw uses an RSA key: PKCS#1 v1.5's padding around the bytes, or the bare private operation. */
export const rawMechanism = (padding: RawPadding): string => RAW_MECHANISMS[padding];

/** How data is encrypted and decrypted. */
export function encryptionMechanism(algorithm: AlgorithmName, { scheme, digest, mode }: EncryptionChoice): string {
  if (isAnyModeAes(algorithm)) return modeName(algorithm, mode ?? "gcm");
  if (ALGORITHMS[algorithm].family !== "rsa") return mode === undefined ? algorithm : modeName(algorithm, mode);
  return scheme === "pkcs1" ? "RSA-PKCS1" : `RSA-OAEP-${digest ?? "SHA-256"}`;
}

/** How codes are made and verified. */
export function macMechanism(algorithm: AlgorithmName, { mode }: MacChoice): string {
  if (isAnyModeAes(algorithm)) return modeName(algorithm, mode ?? "cmac");
  return algorithm === "Generic-Secret" ? modeName(algorithm, mode ?? "hmac_sha256") : algorithm;
}

/** How keys are wrapped and unwrapped. */
export function wrappingMechanism(algorithm: AlgorithmName, { scheme, digest, mode }: WrappingChoice): string {
  if (isAnyModeAes(algorithm)) return modeName(algorithm, mode ?? "kwp");
  const { family, usages } = ALGORITHMS[algorithm];
  if (family === "rsa") return scheme === "rsa-oaep" ? `RSA-OAEP-${digest ?? "SHA-256"}` : "RSA-AES-KWP";
  return (usages as readonly string[]).includes("decapsulate") ? HPKE : algorithm;
}

/** Functions that a managed secret can be put through. */
const DERIVATIONS = (Object.keys(KDFS) as KdfName[]).filter((name) =>
  (KDFS[name].from as readonly string[]).some((source) => source !== "shared secret"),
);

/** Every way in which a key of the algorithm can be used at all, whatever its usages. */
export function mechanismsOf(algorithm: AlgorithmName): readonly string[] {
  const { family, usages } = ALGORITHMS[algorithm];
  switch (family) {
    case "rsa":
      return [
        ...["PSS", "PKCS1"].flatMap((scheme) => [...SIGNATURE_DIGESTS, "DIGEST"].map((digest) => `RSA-${scheme}-${digest}`)),
        ...SIGNATURE_DIGESTS.map((digest) => `RSA-OAEP-${digest}`),
        "RSA-PKCS1",
        "RSA-AES-KWP",
        ...NAMED_ONLY,
      ];
    case "ec":
      return [...SIGNATURE_DIGESTS, "DIGEST"].map((digest) => `ECDSA-${digest}`);
    case "ed25519":
    case "ed448":
      return [algorithm, `${algorithm}ph`];
    case "generic":
      return [...DERIVATIONS, HPKE_PSK, ...modesOf(algorithm).map((mode) => modeName(algorithm, mode))];
    case "aes": {
      const modes = modesOf(algorithm).map((mode) => modeName(algorithm, mode));
      return modes.length === 0 ? [algorithm] : modes;
    }
    default:
      return (usages as readonly string[]).includes("decapsulate") ? [algorithm, HPKE] : [algorithm];
  }
}

/** The ways of a key whose `allowed_mechanisms` says nothing. */
export const usualMechanismsOf = (algorithm: AlgorithmName): readonly string[] =>
  mechanismsOf(algorithm).filter((name) => !NAMED_ONLY.includes(name));

const fold = (spelling: string): string => spelling.toLowerCase().replace(/[-_ /]/g, "");

/** The canonical name of a way to use keys of the algorithm, in any spelling, or undefined. */
export const findMechanism = (algorithm: AlgorithmName, spelling: string): string | undefined =>
  mechanismsOf(algorithm).find((name) => fold(name) === fold(spelling));
