import assert from "node:assert/strict";
import { createHash, createPublicKey, createSecretKey } from "node:crypto";
import { test } from "node:test";
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { mechanisms } from "../mechanisms/register.ts";
import { fingerprint, publicHalf, publicKeyDer, publicKeyJwk, publicKeyPem, thumbprint } from "./public-key.ts";

test("RFC 7638 §3.1: thumbprint of the RSA example", () => {
  const n =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
  assert.equal(thumbprint({ kty: "RSA", e: "AQAB", n }), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
});

test("RFC 8037 Appendix A.3: thumbprint of the Ed25519 example", () => {
  const key = mechanisms["Ed25519"].importKey(
    "raw",
    Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex"),
  );
  const jwk = publicKeyJwk(key, "Ed25519");
  assert.deepEqual(jwk, {
    kty: "OKP",
    crv: "Ed25519",
    x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    alg: "EdDSA",
    use: "sig",
    kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
  });
});

for (const algorithm of [
  "Ed25519",
  "Ed448",
  "ECDSA-P256",
  "ECDSA-P384",
  "ECDSA-P521",
  "ECDSA-secp256k1",
  "RSA-2048",
] as const satisfies AlgorithmName[]) {
  test(`${algorithm}: every form reads back as the same public key and holds nothing private`, async () => {
    const key = await mechanisms[algorithm].generate();
    const expected = createPublicKey(key);
    assert.ok(publicHalf(key).equals(expected));
    assert.ok(createPublicKey(publicKeyPem(key)).equals(expected));
    assert.ok(createPublicKey({ key: publicKeyDer(key), format: "der", type: "spki" }).equals(expected));
    const { alg, use, kid, ...bare } = publicKeyJwk(key, algorithm);
    assert.ok(createPublicKey({ key: bare, format: "jwk" }).equals(expected));
    assert.deepEqual([alg, use, kid], [ALGORITHMS[algorithm].jose, "sig", thumbprint(bare)]);
    for (const name of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.equal(Object.hasOwn(bare, name), false);
    assert.equal(fingerprint(key), createHash("sha256").update(publicKeyDer(expected)).digest("hex"));
    assert.equal(fingerprint(key), fingerprint(expected));
  });
}

test("an RSA key can be published for encryption, no other can", async () => {
  const rsa = await mechanisms["RSA-2048"].generate();
  assert.equal(publicKeyJwk(rsa, "RSA-2048", "enc").alg, "RSA-OAEP-256");
  assert.throws(() => publicKeyJwk(rsa, "RSA-4096"), { code: "MECHANISM_PARAM_INVALID" });
  const p256 = await mechanisms["ECDSA-P256"].generate();
  assert.throws(() => publicKeyJwk(p256, "ECDSA-P256", "enc"), { code: "MECHANISM_PARAM_INVALID" });
  assert.throws(() => publicKeyJwk(p256, "RSA-2048"), { code: "MECHANISM_PARAM_INVALID" });
  assert.throws(() => publicKeyJwk(p256, "ECDSA-P384"), { code: "MECHANISM_PARAM_INVALID" });
});

test("refuses a secret key and a JWK with members missing", () => {
  assert.throws(() => publicKeyPem(createSecretKey(Buffer.alloc(32))), { code: "MECHANISM_NOT_SUPPORTED" });
  assert.throws(() => thumbprint({ kty: "EC", crv: "P-256", x: "AA" }), { code: "INVALID_REQUEST" });
  assert.throws(() => thumbprint({ kty: "oct" }), { code: "MECHANISM_NOT_SUPPORTED" });
});
