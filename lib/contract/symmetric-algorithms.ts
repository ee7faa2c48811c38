/**
 * The rows of symmetric key algorithms beyond AES-GCM, AES-CBC and HMAC with SHA-2, which stand in algorithms.ts.
 *
 * @see lib/contract/algorithms.ts for what a column means
 */

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
const CCM = { spec: "FIPS 197; SP 800-38C", usages: AEAD } as const;
const CTR = { spec: "FIPS 197; SP 800-38A", usages: CIPHER } as const;
const SIV = { spec: "RFC 8452", usages: AEAD } as const;

export const SYMMETRIC_ALGORITHMS = Object.freeze({
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
} as const);
