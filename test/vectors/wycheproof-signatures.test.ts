/**
 * Wycheproof against Ed25519, ECDSA and RSA signatures.
 */
import type { AlgorithmName, DigestName } from "@keystead/contract/algorithms";
import type { Key } from "../../lib/crypto/composite-key.ts";
import { loadPublicKey, mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import type { SignatureParams } from "../../lib/crypto/mechanism.ts";
import { hex, wycheproof, type Case, type Group } from "./wycheproof.ts";

const publicKeys = new WeakMap<Group, Key>();

function publicKeyOf(algorithm: AlgorithmName, group: Group): Key {
  const known = publicKeys.get(group);
  if (known !== undefined) return known;
  const key = loadPublicKey(algorithm, hex(group, "publicKeyDer"));
  publicKeys.set(group, key);
  return key;
}

function verifies(
  file: string,
  expectedCases: number,
  algorithm: AlgorithmName,
  params: SignatureParams,
  acceptable?: boolean,
  applies?: (group: Group, item: Case) => boolean,
): void {
  const { signer } = mechanismFor(algorithm);
  if (signer === undefined) throw new Error("no signer");
  wycheproof(
    file,
    expectedCases,
    (item, group) => signer.verify(publicKeyOf(algorithm, group), hex(item, "msg"), hex(item, "sig"), params),
    { ...(acceptable === undefined ? {} : { acceptable }), ...(applies === undefined ? {} : { applies }) },
  );
}

const pss = (digest: DigestName): SignatureParams => ({ scheme: "pss", digest });
const pkcs1 = (digest: DigestName): SignatureParams => ({ scheme: "pkcs1", digest });

verifies("ed25519_test.json", 151, "Ed25519", {});
verifies("ecdsa_secp256r1_sha256_test.json", 484, "ECDSA-P256", {});
verifies("ecdsa_secp256r1_sha256_p1363_test.json", 262, "ECDSA-P256", { format: "raw" });
verifies("ecdsa_secp384r1_sha384_test.json", 504, "ECDSA-P384", {});
verifies("ecdsa_secp521r1_sha512_test.json", 542, "ECDSA-P521", {});
verifies("ed448_test.json", 87, "Ed448", {});
verifies("ecdsa_secp256k1_sha256_bitcoin_test.json", 463, "ECDSA-secp256k1", {});
// The same without the rule about s: what it calls valid and has the higher s is refused here, and is in the file above.
verifies("ecdsa_secp256k1_sha256_test.json", 308, "ECDSA-secp256k1", {}, undefined, (_, { result }) => result === "invalid");
verifies("rsa_pss_2048_sha256_mgf1_32_test.json", 108, "RSA-2048", pss("SHA-256"));
verifies("rsa_pss_3072_sha256_mgf1_32_test.json", 108, "RSA-3072", pss("SHA-256"));
verifies("rsa_pss_4096_sha512_mgf1_64_test.json", 179, "RSA-4096", pss("SHA-512"));
// "acceptable": DigestInfo without the NULL parameters, which RFC 8017 App. A.2.4 does not allow for new signatures. Refused.
verifies("rsa_signature_2048_sha256_test.json", 259, "RSA-2048", pkcs1("SHA-256"), false);
verifies("rsa_signature_3072_sha384_test.json", 259, "RSA-3072", pkcs1("SHA-384"), false);
verifies("rsa_signature_4096_sha512_test.json", 259, "RSA-4096", pkcs1("SHA-512"), false);
