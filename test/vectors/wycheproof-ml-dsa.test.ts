/**
 * Wycheproof against ML-DSA, and noble, which shares no code with OpenSSL.
 *
 * Signatures here are hedged, so those of the signing file are only verified; the key behind each seed must be theirs.
 */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { mechanisms } from "../../lib/crypto/mechanisms/register.ts";
import { hex, wycheproof, type Case } from "./wycheproof.ts";

const contextOf = (item: Case): { context?: Buffer } => (item["ctx"] === undefined ? {} : { context: hex(item, "ctx") });

for (const [file, cases, name] of [
  ["mldsa_44_verify_test.json", 180, "ML-DSA-44"],
  ["mldsa_65_verify_test.json", 210, "ML-DSA-65"],
  ["mldsa_87_verify_test.json", 241, "ML-DSA-87"],
] as const) {
  const { signer } = mechanisms[name];
  if (signer === undefined) throw new Error("no signer");
  wycheproof(file, cases, (item, group) => {
    try {
      const publicKey = createPublicKey({
        key: hex(group, "publicKey"),
        format: "raw-public",
        asymmetricKeyType: name.toLowerCase() as "ml-dsa-44",
      });
      return signer.verify(publicKey, hex(item, "msg"), hex(item, "sig"), contextOf(item));
    } catch (error) {
      // A public key of another length, or a context of more than 255 bytes.
      assert.ok(
        ["InvalidPublicKey", "IncorrectPublicKeyLength", "InvalidContext"].some((flag) => item.flags.includes(flag)),
        String(error),
      );
      return false;
    }
  });
}

wycheproof(
  "mldsa_65_sign_seed_test.json",
  88,
  (item, group) => {
    const mechanism = mechanisms["ML-DSA-65"];
    try {
      const key = mechanism.importKey("raw", hex(group, "privateSeed"));
      const publicKey = createPublicKey(key);
      assert.deepEqual(publicKey.export({ format: "raw-public" }), hex(group, "publicKey"));
      if (typeof group["privateKeyPkcs8"] === "string") assert.ok(mechanism.importKey("pkcs8", hex(group, "privateKeyPkcs8")).equals(key));
      const params = contextOf(item);
      const made = mechanism.signer?.sign(key, hex(item, "msg"), params) as Buffer;
      return (
        mechanism.signer?.verify(publicKey, hex(item, "msg"), made, params) === true &&
        mechanism.signer.verify(publicKey, hex(item, "msg"), hex(item, "sig"), params)
      );
    } catch (error) {
      assert.ok(["INVALID_REQUEST", "MECHANISM_PARAM_INVALID"].includes((error as { code?: string }).code ?? ""), String(error));
      return false;
    }
  },
  { applies: (_, item) => typeof item["msg"] === "string" },
);

for (const [name, noble] of [
  ["ML-DSA-44", ml_dsa44],
  ["ML-DSA-65", ml_dsa65],
  ["ML-DSA-87", ml_dsa87],
] as const) {
  test(`${name}: noble makes the same key of a seed, accepts our signatures and makes ones that we accept`, async () => {
    const mechanism = mechanisms[name];
    const { signer } = mechanism;
    const seed = Buffer.alloc(32, 7);
    const key = mechanism.importKey("raw", seed);
    const theirs = noble.keygen(seed);
    const publicKey = createPublicKey(key);
    assert.deepEqual(new Uint8Array(publicKey.export({ format: "raw-public" })), theirs.publicKey);
    const data = Buffer.from("a message for both");
    for (const params of [{}, { context: Buffer.from("context") }, { context: Buffer.alloc(255, 1) }]) {
      const ours = (await signer?.signPooled(key, data, params)) as Buffer;
      assert.equal(noble.verify(ours, data, theirs.publicKey, params), true);
      const made = noble.sign(data, theirs.secretKey, params);
      assert.equal(signer?.verify(publicKey, data, made, params), true);
      assert.equal(signer?.verify(publicKey, data, made, { context: Buffer.from("another") }), false);
    }
  });
}
