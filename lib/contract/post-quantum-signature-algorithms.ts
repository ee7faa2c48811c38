/**
 * The rows of post-quantum signatures: ML-DSA, SLH-DSA, and composites of ML-DSA with a classical signature.
 *
 * @see lib/contract/algorithms.ts for what a column means
 * @see FIPS 204 Table 2, FIPS 205 Table 2 (lengths, strengths)
 */

const USAGES = ["sign", "verify"] as const;

/** ML-DSA; `dilithium` is the level of the submission that it came from, with which it does not interoperate. */
const mlDsa = <const S extends 44 | 65 | 87>(set: S, dilithium: 2 | 3 | 5, strengthBits: number, publicKey: number, signature: number) =>
  ({
    proto: `MlDsa${set}`,
    objectClass: "private",
    family: "ml-dsa",
    sizeBits: set,
    strengthBits,
    spec: "FIPS 204",
    status: "standard",
    bytes: { key: 32, publicKey, signature },
    usages: USAGES,
    jose: `ML-DSA-${set}`,
    ckk: "CKK_ML_DSA",
    kmip: `ML-DSA-${set}`,
    aliases: [`Dilithium${dilithium}`, `KEY_TYPE_ML_DSA_${set}`, `KEY_TYPE_DILITHIUM${dilithium}`],
  }) as const;

/** SLH-DSA with one hash and one size; `s` is small, `f` is fast. */
const slhDsa = <const B extends 128 | 192 | 256>(hash: "SHA2" | "SHAKE", bits: B, variant: "s" | "f", signature: number) =>
  ({
    proto: `SlhDsa${hash === "SHA2" ? "Sha2" : "Shake"}_${bits}${variant}`,
    objectClass: "private",
    family: "slh-dsa",
    sizeBits: bits,
    strengthBits: bits,
    spec: "FIPS 205",
    status: "standard",
    bytes: { key: bits / 2, publicKey: bits / 4, signature },
    usages: USAGES,
    jose: `SLH-DSA-${hash}-${bits}${variant}`,
    ckk: "CKK_SLH_DSA",
    kmip: `SLH-DSA-${hash}-${bits}${variant}`,
    aliases: [
      `SPHINCS+-${hash}-${bits}${variant}`,
      `SPHINCS+-${hash}-${bits}${variant}-simple`,
      `SPHINCS-${hash}-${bits}${variant}`,
      `KEY_TYPE_SLH_DSA_${hash}_${bits}${variant.toUpperCase()}`,
    ],
  }) as const;

/** ML-DSA and a classical signature; `id` is the draft's name without its prefix. */
const composite = <const S extends 44 | 65 | 87>(
  set: S,
  classical: "ECDSA-P256" | "ECDSA-P384" | "Ed25519",
  id: string,
  strengthBits: number,
  bytes: { readonly key: number; readonly publicKey: number; readonly signature: number },
) =>
  ({
    proto: `MlDsa${set}${classical === "Ed25519" ? classical : classical.replace("ECDSA-P", "EcdsaP")}`,
    objectClass: "private",
    family: "composite",
    sizeBits: set,
    strengthBits,
    spec: "draft-ietf-lamps-pq-composite-sigs-19",
    status: "draft",
    bytes,
    usages: USAGES,
    jose: undefined,
    ckk: "CKK_VENDOR_DEFINED",
    kmip: "Extension",
    aliases: [`ML-DSA-${set}+${classical}`, `id-${id}`, id],
  }) as const;

export const POST_QUANTUM_SIGNATURE_ALGORITHMS = Object.freeze({
  "ML-DSA-44": mlDsa(44, 2, 128, 1312, 2420),
  "ML-DSA-65": mlDsa(65, 3, 192, 1952, 3309),
  "ML-DSA-87": mlDsa(87, 5, 256, 2592, 4627),
  "SLH-DSA-SHA2-128s": slhDsa("SHA2", 128, "s", 7856),
  "SLH-DSA-SHA2-128f": slhDsa("SHA2", 128, "f", 17088),
  "SLH-DSA-SHA2-192s": slhDsa("SHA2", 192, "s", 16224),
  "SLH-DSA-SHA2-192f": slhDsa("SHA2", 192, "f", 35664),
  "SLH-DSA-SHA2-256s": slhDsa("SHA2", 256, "s", 29792),
  "SLH-DSA-SHA2-256f": slhDsa("SHA2", 256, "f", 49856),
  "SLH-DSA-SHAKE-128s": slhDsa("SHAKE", 128, "s", 7856),
  "SLH-DSA-SHAKE-128f": slhDsa("SHAKE", 128, "f", 17088),
  "SLH-DSA-SHAKE-192s": slhDsa("SHAKE", 192, "s", 16224),
  "SLH-DSA-SHAKE-192f": slhDsa("SHAKE", 192, "f", 35664),
  "SLH-DSA-SHAKE-256s": slhDsa("SHAKE", 256, "s", 29792),
  "SLH-DSA-SHAKE-256f": slhDsa("SHAKE", 256, "f", 49856),
  "ML-DSA-44-ECDSA-P256": composite(44, "ECDSA-P256", "MLDSA44-ECDSA-P256-SHA256", 128, { key: 83, publicKey: 1377, signature: 2492 }),
  "ML-DSA-65-ECDSA-P256": composite(65, "ECDSA-P256", "MLDSA65-ECDSA-P256-SHA512", 192, { key: 83, publicKey: 2017, signature: 3381 }),
  "ML-DSA-87-ECDSA-P384": composite(87, "ECDSA-P384", "MLDSA87-ECDSA-P384-SHA512", 256, { key: 96, publicKey: 2689, signature: 4731 }),
  "ML-DSA-65-Ed25519": composite(65, "Ed25519", "MLDSA65-Ed25519-SHA512", 192, { key: 64, publicKey: 1984, signature: 3373 }),
});
