/**
 * The known answers of every mechanism, one explicit line each.
 *
 * The type makes a mechanism without one a compile error; the suite beside this file breaks each part of each
 * mechanism and requires its row to notice.
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { aes128Cbc, aes128Gcm, aes192Cbc, aes192Gcm, aes256Cbc, aes256Gcm } from "./ciphers.ts";
import { ecdsaP256, ecdsaP384, ecdsaP521, ecdsaSecp256k1, ed25519, ed448 } from "./elliptic.ts";
import { mlKem1024, mlKem512, mlKem768 } from "./kems.ts";
import type { KnownAnswer } from "./known-answer.ts";
import {
  hmacSha256,
  hmacSha384,
  hmacSha512,
  aes128Cmac,
  aes192Cmac,
  aes256Cmac,
  aes128Gmac,
  aes192Gmac,
  aes256Gmac,
  kmac128,
  kmac256,
  hmacSha3_256,
  hmacSha3_384,
  hmacSha3_512,
} from "./macs.ts";
import {
  aes128Ccm,
  aes128Ctr,
  aes128GcmSiv,
  aes128Xts,
  aes192Ccm,
  aes192Ctr,
  aes256Ccm,
  aes256Ctr,
  aes256GcmSiv,
  aes256Xts,
  chacha20Poly1305,
  xChacha20Poly1305,
} from "./more-ciphers.ts";
import { rsa2048, rsa3072, rsa4096 } from "./rsa.ts";

export const KNOWN_ANSWERS: Readonly<Record<AlgorithmName, KnownAnswer>> = Object.freeze({
  Ed25519: ed25519,
  Ed448: ed448,
  "ECDSA-P256": ecdsaP256,
  "ECDSA-P384": ecdsaP384,
  "ECDSA-P521": ecdsaP521,
  "ECDSA-secp256k1": ecdsaSecp256k1,
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
});
