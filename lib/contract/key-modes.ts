/**
 * The modes that a request can name, for keys whose algorithm leaves it open.
 *
 * Each has a name of its own among the ways to use a key (mechanism-names.ts), so that a key can be held to some. What a
 * mode does is in lib/crypto/mechanisms.
 *
 * @see PKCS#11 3.2 §6.13 (CKK_AES), §6.19 (CKK_GENERIC_SECRET)
 */
import type { AlgorithmName } from "./algorithms.ts";

export const CIPHER_MODES = Object.freeze(["gcm", "cbc", "cbc_no_padding", "ctr", "ccm"] as const);
export const HMAC_MODES = Object.freeze([
  "hmac_sha256",
  "hmac_sha384",
  "hmac_sha512",
  "hmac_sha3_256",
  "hmac_sha3_384",
  "hmac_sha3_512",
] as const);
export const MAC_MODES = Object.freeze(["cmac", "gmac", ...HMAC_MODES] as const);
export const WRAP_MODES = Object.freeze(["gcm", "kw", "kwp"] as const);

export type CipherMode = (typeof CIPHER_MODES)[number];
export type HmacMode = (typeof HMAC_MODES)[number];
export type MacMode = (typeof MAC_MODES)[number];
export type WrapMode = (typeof WRAP_MODES)[number];
export type KeyMode = CipherMode | MacMode | WrapMode;

const HMAC_NAMES: Readonly<Record<HmacMode, AlgorithmName>> = Object.freeze({
  hmac_sha256: "HMAC-SHA-256",
  hmac_sha384: "HMAC-SHA-384",
  hmac_sha512: "HMAC-SHA-512",
  hmac_sha3_256: "HMAC-SHA3-256",
  hmac_sha3_384: "HMAC-SHA3-384",
  hmac_sha3_512: "HMAC-SHA3-512",
});

/** AES with a key of so many bits that is used in any mode. */
export const isAnyModeAes = (algorithm: AlgorithmName): boolean => /^AES-\d+$/.test(algorithm);
const isCbc = (algorithm: AlgorithmName): boolean => /^AES-\d+-CBC$/.test(algorithm);

/** The name of the way in which a key is used in a mode: that of the algorithm which has no other. */
export const modeName = (algorithm: AlgorithmName, mode: KeyMode): string =>
  (HMAC_NAMES as Partial<Record<KeyMode, AlgorithmName>>)[mode] ??
  `${isCbc(algorithm) ? algorithm.slice(0, -"-CBC".length) : algorithm}-${mode.toUpperCase().replaceAll("_", "-")}`;

/** What a key of the algorithm can be named to be used as; none where the algorithm is the one way. */
export function modesOf(algorithm: AlgorithmName): readonly KeyMode[] {
  if (isAnyModeAes(algorithm)) return [...CIPHER_MODES, "cmac", "gmac", "kw", "kwp"];
  if (isCbc(algorithm)) return ["cbc", "cbc_no_padding"];
  return algorithm === "Generic-Secret" ? HMAC_MODES : [];
}
