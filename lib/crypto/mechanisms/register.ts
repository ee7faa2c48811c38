/**
 * The register: every mechanism there is, one explicit line each.
 *
 * There is no other way to become a mechanism. The type makes a row that the contract's table names and this file
 * forgets a compile error; the suite beside this file checks that each has what its usages need.
 */
import { createPublicKey } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { CompositeKey, type Key } from "../composite-key.ts";
import type { Mechanism } from "../mechanism.ts";
import { aes128, aes192, aes256 } from "./aes.ts";
import { aes128Cbc, aes192Cbc, aes256Cbc } from "./aes-cbc.ts";
import { aes128Ccm, aes192Ccm, aes256Ccm } from "./aes-ccm.ts";
import { aes128Cmac, aes192Cmac, aes256Cmac } from "./aes-cmac.ts";
import { aes128Ctr, aes192Ctr, aes256Ctr } from "./aes-ctr.ts";
import { aes128GcmSiv, aes256GcmSiv } from "./aes-gcm-siv.ts";
import { aes128Gcm, aes192Gcm, aes256Gcm } from "./aes-gcm.ts";
import { aes128Gmac, aes192Gmac, aes256Gmac } from "./aes-gmac.ts";
import { aes128Kw, aes128Kwp, aes192Kw, aes192Kwp, aes256Kw, aes256Kwp } from "./aes-key-wrap.ts";
import { aes128Xts, aes256Xts } from "./aes-xts.ts";
import { chacha20Poly1305, xChacha20Poly1305 } from "./chacha20-poly1305.ts";
import { mlDsa44EcdsaP256, mlDsa65EcdsaP256, mlDsa65Ed25519, mlDsa87EcdsaP384 } from "./composite-signature.ts";
import { blake3Mac } from "./blake3-mac.ts";
import { ecdhP256, ecdhP384, ecdhP521, ecdhSecp256k1 } from "./ecdh.ts";
import { genericSecret } from "./generic-secret.ts";
import { x25519, x448 } from "./montgomery.ts";
import { secP256r1MlKem512, secP256r1MlKem768, secP384r1MlKem1024, x25519MlKem768 } from "./tls-hybrid.ts";
import { xWing } from "./x-wing.ts";
import { ecdsaP256, ecdsaP384, ecdsaP521, ecdsaSecp256k1 } from "./ecdsa.ts";
import { ed25519, ed448 } from "./eddsa.ts";
import { hmacSha256, hmacSha384, hmacSha3_256, hmacSha3_384, hmacSha3_512, hmacSha512 } from "./hmac.ts";
import { kmac128, kmac256 } from "./kmac.ts";
import { mlKem1024, mlKem512, mlKem768 } from "./ml-kem.ts";
import { mlDsa44, mlDsa65, mlDsa87 } from "./ml-dsa.ts";
import {
  slhDsaSha2_128s,
  slhDsaSha2_128f,
  slhDsaSha2_192s,
  slhDsaSha2_192f,
  slhDsaSha2_256s,
  slhDsaSha2_256f,
  slhDsaShake128s,
  slhDsaShake128f,
  slhDsaShake192s,
  slhDsaShake192f,
  slhDsaShake256s,
  slhDsaShake256f,
} from "./slh-dsa.ts";
import { storedKeyUnreadable } from "./refusals.ts";
import { rsa2048, rsa3072, rsa4096 } from "./rsa.ts";

export const mechanisms = Object.freeze({
  Ed25519: ed25519,
  Ed448: ed448,
  "ECDSA-P256": ecdsaP256,
  "ECDSA-P384": ecdsaP384,
  "ECDSA-P521": ecdsaP521,
  "ECDSA-secp256k1": ecdsaSecp256k1,
  "ML-DSA-44": mlDsa44,
  "ML-DSA-65": mlDsa65,
  "ML-DSA-87": mlDsa87,
  "SLH-DSA-SHA2-128s": slhDsaSha2_128s,
  "SLH-DSA-SHA2-128f": slhDsaSha2_128f,
  "SLH-DSA-SHA2-192s": slhDsaSha2_192s,
  "SLH-DSA-SHA2-192f": slhDsaSha2_192f,
  "SLH-DSA-SHA2-256s": slhDsaSha2_256s,
  "SLH-DSA-SHA2-256f": slhDsaSha2_256f,
  "SLH-DSA-SHAKE-128s": slhDsaShake128s,
  "SLH-DSA-SHAKE-128f": slhDsaShake128f,
  "SLH-DSA-SHAKE-192s": slhDsaShake192s,
  "SLH-DSA-SHAKE-192f": slhDsaShake192f,
  "SLH-DSA-SHAKE-256s": slhDsaShake256s,
  "SLH-DSA-SHAKE-256f": slhDsaShake256f,
  "ML-DSA-44-ECDSA-P256": mlDsa44EcdsaP256,
  "ML-DSA-65-ECDSA-P256": mlDsa65EcdsaP256,
  "ML-DSA-87-ECDSA-P384": mlDsa87EcdsaP384,
  "ML-DSA-65-Ed25519": mlDsa65Ed25519,
  "RSA-2048": rsa2048,
  "RSA-3072": rsa3072,
  "RSA-4096": rsa4096,
  "AES-128-GCM": aes128Gcm,
  "AES-192-GCM": aes192Gcm,
  "AES-256-GCM": aes256Gcm,
  "AES-128-CBC": aes128Cbc,
  "AES-192-CBC": aes192Cbc,
  "AES-256-CBC": aes256Cbc,
  "HMAC-SHA-256": hmacSha256,
  "HMAC-SHA-384": hmacSha384,
  "HMAC-SHA-512": hmacSha512,
  "ML-KEM-512": mlKem512,
  "ML-KEM-768": mlKem768,
  "ML-KEM-1024": mlKem1024,
  X25519: x25519,
  X448: x448,
  "ECDH-P256": ecdhP256,
  "ECDH-P384": ecdhP384,
  "ECDH-P521": ecdhP521,
  "ECDH-secp256k1": ecdhSecp256k1,
  "Generic-Secret": genericSecret,
  "BLAKE3-MAC": blake3Mac,
  "X-Wing": xWing,
  X25519MLKEM768: x25519MlKem768,
  SecP256r1MLKEM768: secP256r1MlKem768,
  SecP384r1MLKEM1024: secP384r1MlKem1024,
  SecP256r1MLKEM512: secP256r1MlKem512,
  "AES-128-CCM": aes128Ccm,
  "AES-192-CCM": aes192Ccm,
  "AES-256-CCM": aes256Ccm,
  "AES-128-CTR": aes128Ctr,
  "AES-192-CTR": aes192Ctr,
  "AES-256-CTR": aes256Ctr,
  "AES-128-GCM-SIV": aes128GcmSiv,
  "AES-256-GCM-SIV": aes256GcmSiv,
  "ChaCha20-Poly1305": chacha20Poly1305,
  "XChaCha20-Poly1305": xChacha20Poly1305,
  "AES-128-XTS": aes128Xts,
  "AES-256-XTS": aes256Xts,
  "AES-128-KW": aes128Kw,
  "AES-192-KW": aes192Kw,
  "AES-256-KW": aes256Kw,
  "AES-128-KWP": aes128Kwp,
  "AES-192-KWP": aes192Kwp,
  "AES-256-KWP": aes256Kwp,
  "AES-128-CMAC": aes128Cmac,
  "AES-192-CMAC": aes192Cmac,
  "AES-256-CMAC": aes256Cmac,
  "AES-128-GMAC": aes128Gmac,
  "AES-192-GMAC": aes192Gmac,
  "AES-256-GMAC": aes256Gmac,
  KMAC128: kmac128,
  KMAC256: kmac256,
  "HMAC-SHA3-256": hmacSha3_256,
  "HMAC-SHA3-384": hmacSha3_384,
  "HMAC-SHA3-512": hmacSha3_512,
  "AES-128": aes128,
  "AES-192": aes192,
  "AES-256": aes256,
} satisfies Record<AlgorithmName, Mechanism<Key>>);

/**
 * The mechanism of that name.
 *
 * @throws {HsmError} MECHANISM_NOT_SUPPORTED   there is none
 * @example
 * const key = await mechanismFor("Ed25519").generate();
 */
export function mechanismFor(name: AlgorithmName): Mechanism<Key> {
  if (!Object.hasOwn(mechanisms, name)) throw new HsmError("MECHANISM_NOT_SUPPORTED", "there is no mechanism of that name");
  return mechanisms[name];
}

/**
 * The public key of `algorithm` in a stored SubjectPublicKeyInfo.
 *
 * @throws {HsmError} INTEGRITY_FAILURE   the bytes are no such key
 */
export function loadPublicKey(algorithm: AlgorithmName, der: Buffer): Key {
  const { form } = mechanismFor(algorithm);
  if (form === undefined) return createPublicKey({ key: der, format: "der", type: "spki" });
  const key = CompositeKey.fromPublicKeyDer(form, der);
  if (key === undefined) throw storedKeyUnreadable();
  return key;
}
