/**
 * The names of every key algorithm and digest, and every spelling that is accepted for them.
 *
 * One row per algorithm. `proto` is the enum value of proto/hsm/hsm.proto (the spelling of older systems), `name` is the
 * canonical spelling that REST, CLI and configuration print. What an algorithm *does* is in lib/crypto/mechanisms. Long,
 * because it is a table; families that came later have files of their own beside it.
 *
 * @see RFC 7518 (JOSE names); SP 800-57 Part 1 Rev. 5 §5.6.1 (strength); PKCS#11 3.1 §6; KMIP 2.1 §11.12
 */

import { ESTABLISHMENT_ALGORITHMS } from "./establishment-algorithms.ts";
import { POST_QUANTUM_SIGNATURE_ALGORITHMS } from "./post-quantum-signature-algorithms.ts";
import { LEAST_MAC_BYTES, SYMMETRIC_ALGORITHMS } from "./symmetric-algorithms.ts";

export { LEAST_MAC_BYTES };

/** What a key may be used for (PKCS#11 CKA_SIGN, CKA_VERIFY, ...; KMIP cryptographic usage mask). */
export const USAGES = Object.freeze([
  "sign",
  "verify",
  "encrypt",
  "decrypt",
  "mac",
  "verify_mac",
  "wrap_data_key",
  "encapsulate",
  "decapsulate",
  "derive",
  "wrap",
  "unwrap",
] as const);
export type Usage = (typeof USAGES)[number];

/** Lengths in bytes, as they travel when nothing is wrapped around them. */
export interface ByteLengths {
  /** The secret key, the private key in its shortest form, or (RSA) the modulus. */
  readonly key: number;
  readonly publicKey?: number;
  /** ECDSA: r and s side by side; DER takes up to 9 bytes more. A composite with ECDSA: the longest. */
  readonly signature?: number;
  /** What one encapsulation sends. */
  readonly ciphertext?: number;
}

/** One key algorithm. */
export interface AlgorithmRow {
  /** Enum value in proto/hsm/hsm.proto. */
  readonly proto: string;
  /** PKCS#11 shape of the object. */
  readonly objectClass: "private" | "secret";
  readonly family:
    | "rsa"
    | "ec"
    | "ed25519"
    | "ed448"
    | "ml-dsa"
    | "slh-dsa"
    | "composite"
    | "aes"
    | "hmac"
    | "ml-kem"
    | "x25519"
    | "x448"
    | "ecdh"
    | "generic"
    | "hybrid"
    | "blake3"
    | "chacha20"
    | "kmac";
  readonly sizeBits: number;
  /** Bits of security against the best attack known without a quantum computer (SP 800-57 Part 1 Rev. 5 Table 2). */
  readonly strengthBits: number;
  /** Where the algorithm is specified. */
  readonly spec: string;
  /** `draft` may still change on the wire; `legacy` is here for what old systems need. */
  readonly status: "standard" | "draft" | "legacy";
  readonly bytes: ByteLengths;
  /** Where a key may have another length than `bytes.key`: the least and the most bytes. */
  readonly otherBytes?: readonly [least: number, most: number];
  /** Everything a key of this algorithm can be used for. */
  readonly usages: readonly Usage[];
  /** Of these, what a new key is for only when that is asked for; wrapping is so everywhere. */
  readonly onlyWhenAsked?: readonly Usage[];
  /** JOSE `alg` of the default mechanism, where RFC 7518/8037 names one. */
  readonly jose: string | undefined;
  readonly ckk: string;
  /** Empty where KMIP has no name. */
  readonly kmip: string;
  /** Further spellings, compared without case. */
  readonly aliases: readonly string[];
}

const SIGNER = ["sign", "verify"] as const;
const RSA = ["sign", "verify", "encrypt", "decrypt", "wrap", "unwrap"] as const;
const CIPHER = ["encrypt", "decrypt", "wrap_data_key", "wrap", "unwrap"] as const;
const MAC = ["mac", "verify_mac"] as const;
/** From what SP 800-107 Rev. 1 §5.3.2 and SP 800-131A ask of an HMAC's key, 112 bits. */
const HMAC_BYTES = [LEAST_MAC_BYTES, 512] as const;

/** Every key algorithm there is, by canonical name. */
export const ALGORITHMS = Object.freeze({
  Ed25519: {
    proto: "Ed25519",
    objectClass: "private",
    family: "ed25519",
    sizeBits: 256,
    strengthBits: 128,
    spec: "RFC 8032; FIPS 186-5 §7",
    status: "standard",
    bytes: { key: 32, publicKey: 32, signature: 64 },
    usages: SIGNER,
    jose: "EdDSA",
    ckk: "CKK_EC_EDWARDS",
    kmip: "Ed25519",
    aliases: ["eddsa", "KEY_TYPE_ED25519"],
  },
  Ed448: {
    proto: "Ed448",
    objectClass: "private",
    family: "ed448",
    sizeBits: 456,
    strengthBits: 224,
    spec: "RFC 8032; FIPS 186-5 §7",
    status: "standard",
    bytes: { key: 57, publicKey: 57, signature: 114 },
    usages: SIGNER,
    jose: "EdDSA",
    ckk: "CKK_EC_EDWARDS",
    kmip: "Ed448",
    aliases: ["KEY_TYPE_ED448"],
  },
  "ECDSA-P256": {
    proto: "EcdsaP256",
    objectClass: "private",
    family: "ec",
    sizeBits: 256,
    strengthBits: 128,
    spec: "FIPS 186-5 §6",
    status: "standard",
    bytes: { key: 32, publicKey: 65, signature: 64 },
    usages: SIGNER,
    jose: "ES256",
    ckk: "CKK_EC",
    kmip: "ECDSA",
    aliases: ["P256", "P-256", "ES256", "secp256r1", "prime256v1", "KEY_TYPE_ECDSA_P256"],
  },
  "ECDSA-P384": {
    proto: "EcdsaP384",
    objectClass: "private",
    family: "ec",
    sizeBits: 384,
    strengthBits: 192,
    spec: "FIPS 186-5 §6",
    status: "standard",
    bytes: { key: 48, publicKey: 97, signature: 96 },
    usages: SIGNER,
    jose: "ES384",
    ckk: "CKK_EC",
    kmip: "ECDSA",
    aliases: ["P384", "P-384", "ES384", "secp384r1", "KEY_TYPE_ECDSA_P384"],
  },
  "ECDSA-P521": {
    proto: "EcdsaP521",
    objectClass: "private",
    family: "ec",
    sizeBits: 521,
    strengthBits: 256,
    spec: "FIPS 186-5 §6",
    status: "standard",
    bytes: { key: 66, publicKey: 133, signature: 132 },
    usages: SIGNER,
    jose: "ES512",
    ckk: "CKK_EC",
    kmip: "ECDSA",
    aliases: ["P521", "P-521", "ES512", "secp521r1", "KEY_TYPE_ECDSA_P521"],
  },
  "ECDSA-secp256k1": {
    proto: "EcdsaSecp256k1",
    objectClass: "private",
    family: "ec",
    sizeBits: 256,
    strengthBits: 128,
    spec: "SEC 2 §2.4.1; FIPS 186-5 §6 with low s",
    status: "standard",
    bytes: { key: 32, publicKey: 65, signature: 64 },
    usages: SIGNER,
    jose: "ES256K",
    ckk: "CKK_EC",
    kmip: "ECDSA",
    aliases: ["secp256k1", "ES256K", "KEY_TYPE_ECDSA_SECP256K1"],
  },
  ...POST_QUANTUM_SIGNATURE_ALGORITHMS,
  "RSA-2048": {
    proto: "Rsa2048",
    objectClass: "private",
    family: "rsa",
    sizeBits: 2048,
    strengthBits: 112,
    spec: "RFC 8017",
    status: "standard",
    bytes: { key: 256, publicKey: 256, signature: 256 },
    usages: RSA,
    jose: "PS256",
    ckk: "CKK_RSA",
    kmip: "RSA",
    aliases: ["KEY_TYPE_RSA_2048"],
  },
  "RSA-3072": {
    proto: "Rsa3072",
    objectClass: "private",
    family: "rsa",
    sizeBits: 3072,
    strengthBits: 128,
    spec: "RFC 8017",
    status: "standard",
    bytes: { key: 384, publicKey: 384, signature: 384 },
    usages: RSA,
    jose: "PS256",
    ckk: "CKK_RSA",
    kmip: "RSA",
    aliases: ["KEY_TYPE_RSA_3072"],
  },
  "RSA-4096": {
    proto: "Rsa4096",
    objectClass: "private",
    family: "rsa",
    sizeBits: 4096,
    strengthBits: 152,
    spec: "RFC 8017",
    status: "standard",
    bytes: { key: 512, publicKey: 512, signature: 512 },
    usages: RSA,
    jose: "PS256",
    ckk: "CKK_RSA",
    kmip: "RSA",
    aliases: ["KEY_TYPE_RSA_4096"],
  },
  "AES-128-GCM": {
    proto: "Aes128Gcm",
    objectClass: "secret",
    family: "aes",
    sizeBits: 128,
    strengthBits: 128,
    spec: "FIPS 197; SP 800-38D",
    status: "standard",
    bytes: { key: 16 },
    usages: CIPHER,
    jose: "A128GCM",
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: ["KEY_TYPE_AES_128_GCM"],
  },
  "AES-192-GCM": {
    proto: "Aes192Gcm",
    objectClass: "secret",
    family: "aes",
    sizeBits: 192,
    strengthBits: 192,
    spec: "FIPS 197; SP 800-38D",
    status: "standard",
    bytes: { key: 24 },
    usages: CIPHER,
    jose: "A192GCM",
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: ["KEY_TYPE_AES_192_GCM"],
  },
  "AES-256-GCM": {
    proto: "Aes256Gcm",
    objectClass: "secret",
    family: "aes",
    sizeBits: 256,
    strengthBits: 256,
    spec: "FIPS 197; SP 800-38D",
    status: "standard",
    bytes: { key: 32 },
    usages: CIPHER,
    jose: "A256GCM",
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: ["KEY_TYPE_AES_256_GCM"],
  },
  "AES-128-CBC": {
    proto: "Aes128Cbc",
    objectClass: "secret",
    family: "aes",
    sizeBits: 128,
    strengthBits: 128,
    spec: "FIPS 197; SP 800-38A",
    status: "legacy",
    bytes: { key: 16 },
    usages: ["encrypt", "decrypt"],
    jose: undefined,
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: [],
  },
  "AES-192-CBC": {
    proto: "Aes192Cbc",
    objectClass: "secret",
    family: "aes",
    sizeBits: 192,
    strengthBits: 192,
    spec: "FIPS 197; SP 800-38A",
    status: "legacy",
    bytes: { key: 24 },
    usages: ["encrypt", "decrypt"],
    jose: undefined,
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: [],
  },
  "AES-256-CBC": {
    proto: "Aes256Cbc",
    objectClass: "secret",
    family: "aes",
    sizeBits: 256,
    strengthBits: 256,
    spec: "FIPS 197; SP 800-38A",
    status: "legacy",
    bytes: { key: 32 },
    usages: ["encrypt", "decrypt"],
    jose: undefined,
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: [],
  },
  "HMAC-SHA-256": {
    proto: "HmacSha256",
    objectClass: "secret",
    family: "hmac",
    sizeBits: 256,
    strengthBits: 256,
    spec: "RFC 2104; FIPS 198-1",
    status: "standard",
    bytes: { key: 32 },
    otherBytes: HMAC_BYTES,
    usages: MAC,
    jose: "HS256",
    ckk: "CKK_GENERIC_SECRET",
    kmip: "HMAC-SHA256",
    aliases: ["HS256"],
  },
  "HMAC-SHA-384": {
    proto: "HmacSha384",
    objectClass: "secret",
    family: "hmac",
    sizeBits: 384,
    strengthBits: 384,
    spec: "RFC 2104; FIPS 198-1",
    status: "standard",
    bytes: { key: 48 },
    otherBytes: HMAC_BYTES,
    usages: MAC,
    jose: "HS384",
    ckk: "CKK_GENERIC_SECRET",
    kmip: "HMAC-SHA384",
    aliases: ["HS384"],
  },
  "HMAC-SHA-512": {
    proto: "HmacSha512",
    objectClass: "secret",
    family: "hmac",
    sizeBits: 512,
    strengthBits: 512,
    spec: "RFC 2104; FIPS 198-1",
    status: "standard",
    bytes: { key: 64 },
    otherBytes: HMAC_BYTES,
    usages: MAC,
    jose: "HS512",
    ckk: "CKK_GENERIC_SECRET",
    kmip: "HMAC-SHA512",
    aliases: ["HS512"],
  },
  ...SYMMETRIC_ALGORITHMS,
  ...ESTABLISHMENT_ALGORITHMS,
} satisfies Record<string, AlgorithmRow>);

/** Canonical name of a key algorithm. */
export type AlgorithmName = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES = Object.freeze(Object.keys(ALGORITHMS)) as readonly AlgorithmName[];

/** One digest. */
export interface DigestRow {
  readonly proto: string;
  readonly outputBytes: number;
  /** Name node:crypto knows, or undefined when it is not OpenSSL's. */
  readonly node: string | undefined;
  readonly aliases: readonly string[];
}

/** Every digest there is, by canonical name. */
export const DIGESTS = Object.freeze({
  "SHA-256": { proto: "Sha256", outputBytes: 32, node: "sha256", aliases: ["sha2-256", "HASH_SHA256"] },
  "SHA-384": { proto: "Sha384", outputBytes: 48, node: "sha384", aliases: ["sha2-384", "HASH_SHA384"] },
  "SHA-512": { proto: "Sha512", outputBytes: 64, node: "sha512", aliases: ["sha2-512", "HASH_SHA512"] },
  "SHA3-256": { proto: "Sha3_256", outputBytes: 32, node: "sha3-256", aliases: ["HASH_SHA3_256"] },
  "SHA3-384": { proto: "Sha3_384", outputBytes: 48, node: "sha3-384", aliases: ["HASH_SHA3_384"] },
  "SHA3-512": { proto: "Sha3_512", outputBytes: 64, node: "sha3-512", aliases: ["HASH_SHA3_512"] },
  BLAKE3: { proto: "Blake3", outputBytes: 32, node: undefined, aliases: ["HASH_BLAKE3"] },
} satisfies Record<string, DigestRow>);

export type DigestName = keyof typeof DIGESTS;
export const DIGEST_NAMES = Object.freeze(Object.keys(DIGESTS)) as readonly DigestName[];

/** Folds a spelling: case and the separators `-`, `_`, space and `/` do not matter. */
const fold = (spelling: string): string => spelling.toLowerCase().replace(/[-_ /]/g, "");

function index<N extends string>(rows: Record<N, { proto: string; aliases: readonly string[] }>): ReadonlyMap<string, N> {
  const map = new Map<string, N>();
  for (const name of Object.keys(rows) as N[]) {
    for (const spelling of [name, rows[name].proto, ...rows[name].aliases]) map.set(fold(spelling), name);
  }
  return map;
}

const algorithmsBySpelling = index<AlgorithmName>(ALGORITHMS);
const digestsBySpelling = index<DigestName>(DIGESTS);

/**
 * The canonical name behind any accepted spelling, or undefined.
 *
 * @example
 * findAlgorithm("aes256gcm"); // "AES-256-GCM"
 */
export const findAlgorithm = (spelling: string): AlgorithmName | undefined => algorithmsBySpelling.get(fold(spelling));

/** The canonical digest name behind any accepted spelling, or undefined. */
export const findDigest = (spelling: string): DigestName | undefined => digestsBySpelling.get(fold(spelling));

/** How many bytes a secret key of the algorithm has: usually, at least and at most. */
export function keyBytes(name: AlgorithmName): { readonly usual: number; readonly least: number; readonly most: number } {
  const row: AlgorithmRow = ALGORITHMS[name];
  const usual = row.sizeBits / 8;
  const [least, most] = row.otherBytes ?? [usual, usual];
  return { usual, least, most };
}
