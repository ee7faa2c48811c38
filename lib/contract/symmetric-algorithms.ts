/**
 * The rows of symmetric key algorithms beyond AES-GCM, AES-CBC and HMAC with SHA-2, which stand in algorithms.ts.
 *
 * @see lib/contract/algorithms.ts for what a column means
 */

/** The least bytes of a secret that makes codes: 112 bits (SP 800-107 Rev. 1 §5.3.2, SP 800-131A). */
export const LEAST_MAC_BYTES = 14;

/** What the AES rows of one key size share. */
const aes = <const S extends 128 | 192 | 256>(sizeBits: S) =>
  ({
    objectClass: "secret",
    family: "aes",
    sizeBits,
    strengthBits: sizeBits,
    status: "standard",
    bytes: { key: sizeBits / 8 },
    jose: undefined,
    ckk: "CKK_AES",
    kmip: "AES",
    aliases: [],
  }) as const;

/** AES-XTS: two AES keys in one, with the strength of one. */
const xts = <const S extends 256 | 512>(sizeBits: S) =>
  ({
    ...aes(256),
    sizeBits,
    strengthBits: sizeBits / 2,
    spec: "IEEE 1619-2018; SP 800-38E",
    bytes: { key: sizeBits / 8 },
    ckk: "CKK_AES_XTS",
  }) as const;

const AEAD = ["encrypt", "decrypt", "wrap_data_key"] as const;
const CIPHER = ["encrypt", "decrypt"] as const;
const MAC = ["mac", "verify_mac"] as const;
const CMAC = { spec: "FIPS 197; SP 800-38B", usages: MAC } as const;
const GMAC = { spec: "FIPS 197; SP 800-38D", usages: MAC } as const;
const KW = { spec: "RFC 3394; SP 800-38F §6.2", usages: ["wrap", "unwrap"] } as const;
const KWP = { spec: "RFC 5649; SP 800-38F §6.3", usages: ["wrap", "unwrap"] } as const;
const CCM = { spec: "FIPS 197; SP 800-38C", usages: AEAD } as const;
const CTR = { spec: "FIPS 197; SP 800-38A", usages: CIPHER } as const;
const SIV = { spec: "RFC 8452", usages: AEAD } as const;

/** KMAC: keys of 256 bits for both. */
const kmac = <const B extends 128 | 256>(strengthBits: B) =>
  ({
    ...aes(256),
    family: "kmac",
    strengthBits,
    spec: "SP 800-185 §4",
    usages: MAC,
    ckk: "CKK_GENERIC_SECRET",
    kmip: "",
  }) as const;

/** HMAC with SHA-3: keys as long as the digest, where nobody says otherwise. */
const hmacSha3 = <const B extends 256 | 384 | 512>(sizeBits: B) =>
  ({
    ...aes(256),
    family: "hmac",
    sizeBits,
    strengthBits: sizeBits,
    bytes: { key: sizeBits / 8 },
    otherBytes: [LEAST_MAC_BYTES, 512],
    spec: "FIPS 198-1; FIPS 202",
    usages: MAC,
    ckk: "CKK_GENERIC_SECRET",
  }) as const;

/** AES in the mode that a request names: one key for systems that know keys by their cipher alone (PKCS#11 CKK_AES). */
const ANY_MODE = {
  spec: "FIPS 197; SP 800-38A to F",
  usages: ["encrypt", "decrypt", "mac", "verify_mac", "wrap_data_key", "wrap", "unwrap"],
  onlyWhenAsked: MAC,
} as const;

export const SYMMETRIC_ALGORITHMS = Object.freeze({
  "AES-128": { ...aes(128), ...ANY_MODE, proto: "Aes128" },
  "AES-192": { ...aes(192), ...ANY_MODE, proto: "Aes192" },
  "AES-256": { ...aes(256), ...ANY_MODE, proto: "Aes256" },
  "AES-128-CCM": { ...aes(128), ...CCM, proto: "Aes128Ccm" },
  "AES-192-CCM": { ...aes(192), ...CCM, proto: "Aes192Ccm" },
  "AES-256-CCM": { ...aes(256), ...CCM, proto: "Aes256Ccm" },
  "AES-128-CTR": { ...aes(128), ...CTR, proto: "Aes128Ctr" },
  "AES-192-CTR": { ...aes(192), ...CTR, proto: "Aes192Ctr" },
  "AES-256-CTR": { ...aes(256), ...CTR, proto: "Aes256Ctr" },
  "AES-128-GCM-SIV": { ...aes(128), ...SIV, proto: "Aes128GcmSiv" },
  "AES-256-GCM-SIV": { ...aes(256), ...SIV, proto: "Aes256GcmSiv" },
  "ChaCha20-Poly1305": {
    ...aes(256),
    proto: "ChaCha20Poly1305",
    family: "chacha20",
    spec: "RFC 8439",
    usages: AEAD,
    ckk: "CKK_CHACHA20",
    kmip: "ChaCha20Poly1305",
    aliases: ["C20P"],
  },
  "XChaCha20-Poly1305": {
    ...aes(256),
    proto: "XChaCha20Poly1305",
    family: "chacha20",
    spec: "draft-irtf-cfrg-xchacha-03",
    status: "draft",
    usages: AEAD,
    ckk: "CKK_CHACHA20",
    kmip: "",
    aliases: ["XC20P"],
  },
  "AES-128-XTS": { ...xts(256), proto: "Aes128Xts", usages: CIPHER },
  "AES-256-XTS": { ...xts(512), proto: "Aes256Xts", usages: CIPHER },
  "AES-128-KW": { ...aes(128), ...KW, proto: "Aes128Kw", jose: "A128KW" },
  "AES-192-KW": { ...aes(192), ...KW, proto: "Aes192Kw", jose: "A192KW" },
  "AES-256-KW": { ...aes(256), ...KW, proto: "Aes256Kw", jose: "A256KW" },
  "AES-128-KWP": { ...aes(128), ...KWP, proto: "Aes128Kwp" },
  "AES-192-KWP": { ...aes(192), ...KWP, proto: "Aes192Kwp" },
  "AES-256-KWP": { ...aes(256), ...KWP, proto: "Aes256Kwp" },
  "AES-128-CMAC": { ...aes(128), ...CMAC, proto: "Aes128Cmac" },
  "AES-192-CMAC": { ...aes(192), ...CMAC, proto: "Aes192Cmac" },
  "AES-256-CMAC": { ...aes(256), ...CMAC, proto: "Aes256Cmac" },
  "AES-128-GMAC": { ...aes(128), ...GMAC, proto: "Aes128Gmac" },
  "AES-192-GMAC": { ...aes(192), ...GMAC, proto: "Aes192Gmac" },
  "AES-256-GMAC": { ...aes(256), ...GMAC, proto: "Aes256Gmac" },
  KMAC128: { ...kmac(128), proto: "Kmac128" },
  KMAC256: { ...kmac(256), proto: "Kmac256" },
  "HMAC-SHA3-256": { ...hmacSha3(256), proto: "HmacSha3_256", kmip: "HMAC-SHA3-256" },
  "HMAC-SHA3-384": { ...hmacSha3(384), proto: "HmacSha3_384", kmip: "HMAC-SHA3-384" },
  "BLAKE3-MAC": { ...kmac(256), family: "blake3", strengthBits: 128, spec: "BLAKE3 paper §2.3 (keyed_hash)", proto: "Blake3Mac" },
  "HMAC-SHA3-512": { ...hmacSha3(512), proto: "HmacSha3_512", kmip: "HMAC-SHA3-512" },
} as const);
