/**
 * The names of every key derivation function, and what each is for.
 *
 * One row per function. What it computes is in lib/crypto/kdf; which parameters it reads stands in `reads`, and a
 * parameter that a function does not read is refused.
 *
 * @see RFC 5869; SP 800-56C Rev. 2; SP 800-108 Rev. 1; ANSI X9.63 §5.6.3; RFC 8018; RFC 7914; RFC 9106; the BLAKE3 paper
 */

/** A parameter of a derivation; the names of proto/hsm/hsm.proto. */
export type KdfParameter =
  | "digest"
  | "salt"
  | "info"
  | "label"
  | "context"
  | "iterations"
  | "memoryKib"
  | "parallelism"
  | "cost"
  | "blockSize"
  | "withoutCounter";

export interface KdfRow {
  /** Enum value in proto/hsm/hsm.proto. */
  readonly proto: string;
  /** PKCS#11 mechanism. */
  readonly ckm: string;
  readonly spec: string;
  /** What it derives from: a secret shared by agreement or encapsulation, a secret key, or a password. */
  readonly from: readonly ("shared secret" | "secret key" | "password")[];
  readonly reads: readonly KdfParameter[];
  /** Bounds of its parameters and of the secret, in words. */
  readonly bounds: string;
}

/** Every key derivation function there is, by the spelling of its enum value. */
export const KDFS = Object.freeze({
  hkdf: {
    proto: "KDF_HKDF",
    ckm: "CKM_HKDF_DERIVE",
    spec: "RFC 5869; SP 800-56C Rev. 2 §5",
    from: ["shared secret", "secret key"],
    reads: ["digest", "salt", "info"],
    bounds: "secret keys of 14 bytes and more; SHA-256 by default",
  },
  x963: {
    proto: "KDF_X963",
    ckm: "CKD_SHA256_KDF and its kin",
    spec: "ANSI X9.63 §5.6.3; SEC 1 §3.6.1",
    from: ["shared secret"],
    reads: ["digest", "info"],
    bounds: "SHA-256 by default",
  },
  one_step: {
    proto: "KDF_ONE_STEP",
    ckm: "CKD_SHA256_KDF_SP800 and its kin",
    spec: "SP 800-56C Rev. 2 §4 option 1; RFC 7518 §4.6.2 (Concat KDF)",
    from: ["shared secret"],
    reads: ["digest", "info"],
    bounds: "SHA-256 by default",
  },
  counter_hmac: {
    proto: "KDF_COUNTER_HMAC",
    ckm: "CKM_SP800_108_COUNTER_KDF",
    spec: "SP 800-108 Rev. 1 §4.1",
    from: ["secret key"],
    reads: ["digest", "label", "context", "info"],
    bounds: "secret keys of 14 bytes and more; SHA-256 by default; label and context, or info as the whole fixed input",
  },
  counter_cmac: {
    proto: "KDF_COUNTER_CMAC",
    ckm: "CKM_SP800_108_COUNTER_KDF",
    spec: "SP 800-108 Rev. 1 §4.1",
    from: ["secret key"],
    reads: ["label", "context", "info"],
    bounds: "secret keys of 16, 24 or 32 bytes (AES)",
  },
  feedback_hmac: {
    proto: "KDF_FEEDBACK_HMAC",
    ckm: "CKM_SP800_108_FEEDBACK_KDF",
    spec: "SP 800-108 Rev. 1 §4.2",
    from: ["secret key"],
    reads: ["digest", "label", "context", "info", "salt", "withoutCounter"],
    bounds:
      "secret keys of 14 bytes and more; SHA-256 by default; label and context, or info as the whole fixed input; the salt is the IV, none by default",
  },
  feedback_cmac: {
    proto: "KDF_FEEDBACK_CMAC",
    ckm: "CKM_SP800_108_FEEDBACK_KDF",
    spec: "SP 800-108 Rev. 1 §4.2",
    from: ["secret key"],
    reads: ["label", "context", "info", "salt", "withoutCounter"],
    bounds: "secret keys of 16, 24 or 32 bytes (AES); the salt is the IV, none by default",
  },
  pipeline_hmac: {
    proto: "KDF_PIPELINE_HMAC",
    ckm: "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
    spec: "SP 800-108 Rev. 1 §4.3",
    from: ["secret key"],
    reads: ["digest", "label", "context", "info", "withoutCounter"],
    bounds: "secret keys of 14 bytes and more; SHA-256 by default; label and context, or info as the whole fixed input",
  },
  pipeline_cmac: {
    proto: "KDF_PIPELINE_CMAC",
    ckm: "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
    spec: "SP 800-108 Rev. 1 §4.3",
    from: ["secret key"],
    reads: ["label", "context", "info", "withoutCounter"],
    bounds: "secret keys of 16, 24 or 32 bytes (AES)",
  },
  blake3: {
    proto: "KDF_BLAKE3",
    ckm: "none",
    spec: "BLAKE3 paper §2.3 (derive_key)",
    from: ["secret key"],
    reads: ["context"],
    bounds: "secret keys of 14 bytes and more; the context is UTF-8 text and names the purpose",
  },
  pbkdf2: {
    proto: "KDF_PBKDF2",
    ckm: "CKM_PKCS5_PBKD2",
    spec: "RFC 8018 §5.2; SP 800-132",
    from: ["password"],
    reads: ["digest", "salt", "iterations"],
    bounds: "600,000 (SHA-256) or 210,000 (SHA-384, SHA-512) to 5,000,000 iterations; 600,000 by default; salt of 16 bytes and more",
  },
  scrypt: {
    proto: "KDF_SCRYPT",
    ckm: "none",
    spec: "RFC 7914",
    from: ["password"],
    reads: ["salt", "cost", "blockSize", "parallelism"],
    bounds: "N a power of two from 2^13, N·r·p from 2^17·5, at most 256 MiB and N·r·p 2^22; N 2^17, r 8, p 1 by default",
  },
  argon2id: {
    proto: "KDF_ARGON2ID",
    ckm: "none",
    spec: "RFC 9106",
    from: ["password"],
    reads: ["salt", "iterations", "memoryKib", "parallelism"],
    bounds: "19 MiB and 2 passes, or 46 MiB and 1, to 64 MiB, 10 passes and 4 lanes; 46 MiB, 2 passes, 1 lane by default",
  },
} satisfies Record<string, KdfRow>);

export type KdfName = keyof typeof KDFS;
export const KDF_NAMES = Object.freeze(Object.keys(KDFS)) as readonly KdfName[];
