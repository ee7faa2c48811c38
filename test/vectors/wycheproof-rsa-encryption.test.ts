/**
 * Wycheproof against RSA decryption.
 *
 * PKCS#1 v1.5 "invalid" cases need care: OpenSSL rejects wrong padding implicitly, that is, it returns pseudo-random bytes.
 * An invalid case is passed when we throw or when the bytes are not a message the vector knows.
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName, DigestName } from "@keystead/contract/algorithms";
import { mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import { decryptsTo, hex, wycheproof, type Group } from "./wycheproof.ts";

const privateKeys = new WeakMap<Group, KeyObject>();

/** Through importKey, so that its checks meet keys made elsewhere. */
function privateKeyOf(algorithm: AlgorithmName, group: Group): KeyObject {
  const known = privateKeys.get(group);
  if (known !== undefined) return known;
  const key = mechanismFor(algorithm).importKey("pkcs8", hex(group, "privateKeyPkcs8")) as KeyObject;
  privateKeys.set(group, key);
  return key;
}

function oaep(file: string, expectedCases: number, algorithm: AlgorithmName, digest: DigestName): void {
  const { cipher } = mechanismFor(algorithm);
  if (cipher === undefined) throw new Error("no cipher");
  wycheproof(file, expectedCases, (item, group) => {
    const sealed = { ciphertext: hex(item, "ct"), nonce: Buffer.alloc(0) };
    return decryptsTo(
      () => cipher.decrypt(privateKeyOf(algorithm, group), sealed, { digest, label: hex(item, "label") }),
      hex(item, "msg"),
    );
  });
}

oaep("rsa_oaep_2048_sha256_mgf1sha256_test.json", 37, "RSA-2048", "SHA-256");
oaep("rsa_oaep_3072_sha256_mgf1sha256_test.json", 37, "RSA-3072", "SHA-256");
oaep("rsa_oaep_4096_sha512_mgf1sha512_test.json", 36, "RSA-4096", "SHA-512");

wycheproof("rsa_pkcs1_2048_test.json", 67, (item, group) => {
  const { cipher } = mechanismFor("RSA-2048");
  if (cipher === undefined) throw new Error("no cipher");
  const sealed = { ciphertext: hex(item, "ct"), nonce: Buffer.alloc(0) };
  return decryptsTo(() => cipher.decrypt(privateKeyOf("RSA-2048", group), sealed, { scheme: "pkcs1" }), hex(item, "msg"));
});
