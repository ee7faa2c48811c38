/**
 * Wycheproof against Ed25519, ECDSA and RSA signatures.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import type { AlgorithmName, DigestName } from "@keystead/contract/algorithms";
import { mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import type { SignatureParams } from "../../lib/crypto/mechanism.ts";
import { hex, wycheproof, type Group } from "./wycheproof.ts";

const publicKeys = new WeakMap<Group, KeyObject>();

function publicKeyOf(group: Group): KeyObject {
  const known = publicKeys.get(group);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: hex(group, "publicKeyDer"), format: "der", type: "spki" });
  publicKeys.set(group, key);
  return key;
}

function verifies(file: string, expectedCases: number, algorithm: AlgorithmName, params: SignatureParams, acceptable?: boolean): void {
  const { signer } = mechanismFor(algorithm);
  if (signer === undefined) throw new Error("no signer");
  wycheproof(
    file,
    expectedCases,
    (item, group) => signer.verify(publicKeyOf(group), hex(item, "msg"), hex(item, "sig"), params),
    acceptable === undefined ? {} : { acceptable },
  );
}

const pss = (digest: DigestName): SignatureParams => ({ scheme: "pss", digest });
const pkcs1 = (digest: DigestName): SignatureParams => ({ scheme: "pkcs1", digest });

verifies("ed25519_test.json", 151, "Ed25519", {});
verifies("ecdsa_secp256r1_sha256_test.json", 484, "ECDSA-P256", {});
verifies("ecdsa_secp256r1_sha256_p1363_test.json", 262, "ECDSA-P256", { format: "raw" });
verifies("ecdsa_secp384r1_sha384_test.json", 504, "ECDSA-P384", {});
verifies("ecdsa_secp521r1_sha512_test.json", 542, "ECDSA-P521", {});
verifies("rsa_pss_2048_sha256_mgf1_32_test.json", 108, "RSA-2048", pss("SHA-256"));
verifies("rsa_pss_3072_sha256_mgf1_32_test.json", 108, "RSA-3072", pss("SHA-256"));
verifies("rsa_pss_4096_sha512_mgf1_64_test.json", 179, "RSA-4096", pss("SHA-512"));
// "acceptable": DigestInfo without the NULL parameters, which RFC 8017 App. A.2.4 does not allow for new signatures. Refused.
verifies("rsa_signature_2048_sha256_test.json", 259, "RSA-2048", pkcs1("SHA-256"), false);
verifies("rsa_signature_3072_sha384_test.json", 259, "RSA-3072", pkcs1("SHA-384"), false);
verifies("rsa_signature_4096_sha512_test.json", 259, "RSA-4096", pkcs1("SHA-512"), false);
