/**
 * Post-quantum signatures through every door, against noble, which shares no code with the OpenSSL of the vault.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import * as slh from "@noble/post-quantum/slh-dsa.js";
import { ALGORITHMS, ALGORITHM_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { KeyMaterialFormat, PublicKeyFormat, SignatureScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { sign } from "@keystead/contract/operations/sign";
import { verify } from "@keystead/contract/operations/verify";
import { loadPublicKey, mechanismFor } from "@keystead/crypto/mechanisms/register";
import { served } from "./served.ts";
import { SURFACES, ask, type Surface } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);

const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const MESSAGE = Buffer.from("the same key through every door: the same result");
const CONTEXT = Buffer.from("what it is for");

const NAMES = ALGORITHM_NAMES.filter((name) => ["ml-dsa", "slh-dsa"].includes(ALGORITHMS[name].family));
type Noble = Pick<typeof ml_dsa44, "sign" | "verify" | "keygen">;
const ML_DSA: Readonly<Record<string, Noble>> = { "ML-DSA-44": ml_dsa44, "ML-DSA-65": ml_dsa65, "ML-DSA-87": ml_dsa87 };
const nobleOf = (name: AlgorithmName): Noble => ML_DSA[name] ?? slh[name.toLowerCase().replaceAll("-", "_") as "slh_dsa_sha2_128s"];

test("there are fifteen of them", () => assert.equal(NAMES.length, 15));

for (const [index, algorithm] of NAMES.entries()) {
  const noble = nobleOf(algorithm);
  const isSlow = /^SLH-DSA-.*s$/.test(algorithm);
  const { publicKey: publicKeyBytes = 0, signature: signatureBytes = 0 } = ALGORITHMS[algorithm].bytes as {
    publicKey?: number;
    signature?: number;
  };

  test(`${algorithm}: a signature made on one surface verifies on every surface and with noble, with a context and without`, async () => {
    const surface = SURFACES[index % SURFACES.length] as Surface;
    const keyId = `sign-${algorithm}`;
    const made = await given(surface, generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    const publicKey = createPublicKey(made["public_key"]).export({ format: "raw-public" });
    assert.equal(publicKey.byteLength, publicKeyBytes, "as the table says");
    for (const context of [undefined, CONTEXT]) {
      const choice = context === undefined ? {} : { context };
      const signature = bytesOf((await given(surface, sign, { keyId, data: MESSAGE, ...choice }))["signature"]);
      assert.equal(signature.byteLength, signatureBytes, "as the table says");
      assert.equal(noble.verify(signature, MESSAGE, publicKey, choice), true, "noble");
      assert.equal(noble.verify(signature, Buffer.from("another"), publicKey, choice), false);
      for (const each of SURFACES)
        assert.deepEqual(await given(each, verify, { keyId, data: MESSAGE, signature, ...choice }), { valid: true, version: 1 }, each);
      const wrong = context === undefined ? { context: CONTEXT } : {};
      assert.equal((await given(surface, verify, { keyId, data: MESSAGE, signature, ...wrong }))["valid"], false, "another context");
      assert.equal((await given(surface, verify, { keyId, data: MESSAGE, signature: signature.subarray(1), ...choice }))["valid"], false);
      signature[20] = (signature[20] ?? 0) ^ 1;
      assert.equal((await given(surface, verify, { keyId, data: MESSAGE, signature, ...choice }))["valid"], false, "a changed bit");
    }
    const refused = await ask(surface, here.door, sign, { keyId, data: MESSAGE, scheme: SignatureScheme.PREHASH });
    assert.equal(refused.code, "MECHANISM_PARAM_INVALID");
    assert.match(refused.detail ?? "", /^Hash(ML|SLH)-DSA is not supported/);
    const { results } = await given("gRPC", batch, {
      items: [{ operation: { case: "sign", value: { keyId, data: MESSAGE, context: CONTEXT } } }],
    });
    assert.equal(noble.verify(bytesOf(results[0].sign.signature), MESSAGE, publicKey, { context: CONTEXT }), true, "in a batch");
  });

  test(`${algorithm}: a key that noble made comes in by every form and goes out as PEM and JWK`, async () => {
    const isMl = algorithm.startsWith("ML-");
    const seed = Buffer.alloc(isMl ? 32 : (ALGORITHMS[algorithm].bytes.key / 4) * 3, index + 1);
    const pair = noble.keygen(seed);
    const raw = isMl ? seed : Buffer.from(pair.secretKey);
    const key = createPrivateKey({
      key: raw,
      format: isMl ? "raw-seed" : "raw-private",
      asymmetricKeyType: algorithm.toLowerCase(),
    } as never);
    const forms: [string, KeyMaterialFormat, Buffer][] = [
      ["raw", KeyMaterialFormat.RAW, raw],
      ["pkcs8", KeyMaterialFormat.PKCS8, key.export({ format: "der", type: "pkcs8" })],
      ["pem", KeyMaterialFormat.PEM, Buffer.from(key.export({ format: "pem", type: "pkcs8" }))],
      ["jwk", KeyMaterialFormat.JWK, Buffer.from(JSON.stringify(key.export({ format: "jwk" })))],
    ];
    // The vault signs once with what comes in: a second each with the slow ones, whose forms are read as those of the fast ones are.
    const tried = isSlow && process.env["KEYSTEAD_SOAK"] !== "true" ? forms.filter(([name]) => name === "raw" || name === "jwk") : forms;
    for (const [at, [name, format, keyMaterial]] of tried.entries()) {
      const surface = SURFACES[at % SURFACES.length] as Surface;
      const keyId = `form-${algorithm}-${name}`;
      await given(surface, importKey, { keyId, algorithm: algorithmNumber(algorithm), keyMaterial, format });
      const asPem = createPublicKey((await given(surface, getPublicKey, { keyId }))["public_key"]);
      assert.deepEqual(new Uint8Array(asPem.export({ format: "raw-public" })), pair.publicKey, name);
      const asJwk = JSON.parse((await given(surface, getPublicKey, { keyId, format: PublicKeyFormat.JWK }))["public_key"]) as Record<
        string,
        string
      >;
      assert.deepEqual(new Uint8Array(Buffer.from(asJwk["pub"] ?? "", "base64url")), pair.publicKey, name);
      assert.equal(asJwk["kty"], "AKP");
      assert.equal("priv" in asJwk, false);
    }
    const signature = bytesOf((await given("gRPC", sign, { keyId: `form-${algorithm}-raw`, data: MESSAGE }))["signature"]);
    assert.equal(noble.verify(signature, MESSAGE, pair.publicKey), true);
    if (isSlow) return; // noble takes many seconds for one signature
    const theirs = Buffer.from(noble.sign(MESSAGE, pair.secretKey, { context: CONTEXT }));
    const asked = { keyId: `form-${algorithm}-pkcs8`, data: MESSAGE, signature: theirs, context: CONTEXT };
    assert.equal((await given("REST", verify, asked))["valid"], true);
  });
}

const COMPOSITES = ALGORITHM_NAMES.filter((name) => ALGORITHMS[name].family === "composite");

for (const [index, algorithm] of COMPOSITES.entries()) {
  test(`${algorithm}: a signature made on one surface verifies on every surface; a key goes through every door`, async () => {
    const surface = SURFACES[index % SURFACES.length] as Surface;
    const keyId = `sign-${algorithm}`;
    const made = await given(surface, generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    const spki = Buffer.from(made["public_key"].replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
    const publicKey = loadPublicKey(algorithm, spki);
    for (const context of [undefined, CONTEXT]) {
      const choice = context === undefined ? {} : { context };
      const signature = bytesOf((await given(surface, sign, { keyId, data: MESSAGE, ...choice }))["signature"]);
      // The library that signs is not the one that was asked: the vectors hold it to the draft and to noble.
      assert.equal(mechanismFor(algorithm).signer?.verify(publicKey, MESSAGE, signature, choice), true);
      for (const each of SURFACES)
        assert.deepEqual(await given(each, verify, { keyId, data: MESSAGE, signature, ...choice }), { valid: true, version: 1 }, each);
      const wrong = context === undefined ? { context: CONTEXT } : {};
      assert.equal((await given(surface, verify, { keyId, data: MESSAGE, signature, ...wrong }))["valid"], false, "another context");
      for (const at of [20, signature.length - 20]) {
        const changed = Buffer.from(signature.with(at, (signature[at] ?? 0) ^ 1));
        assert.equal((await given(surface, verify, { keyId, data: MESSAGE, signature: changed, ...choice }))["valid"], false, `byte ${at}`);
      }
    }
    assert.equal((await given("gRPC", getPublicKey, { keyId }))["public_key"], made["public_key"]);
    const asJwk = await ask("REST", here.door, getPublicKey, { keyId, format: PublicKeyFormat.JWK });
    assert.equal(asJwk.code, "MECHANISM_NOT_SUPPORTED");
    const material = Buffer.alloc(ALGORITHMS[algorithm].bytes.key, 7);
    const refused = await ask(surface, here.door, importKey, {
      algorithm: algorithmNumber(algorithm),
      keyMaterial: material.subarray(1),
      format: KeyMaterialFormat.RAW,
    });
    assert.equal(refused.code, "INVALID_REQUEST");
    if (algorithm !== "ML-DSA-65-Ed25519") return; // any bytes are two seeds
    await given(surface, importKey, {
      keyId: `${keyId}-imported`,
      algorithm: algorithmNumber(algorithm),
      keyMaterial: material,
      format: KeyMaterialFormat.RAW,
    });
    const { signature } = await given("REST", sign, { keyId: `${keyId}-imported`, data: MESSAGE });
    const asked = { keyId: `${keyId}-imported`, data: MESSAGE, signature: bytesOf(signature) };
    assert.equal((await given("gRPC", verify, asked))["valid"], true);
  });
}

test("SLH-DSA: a private key whose public half is of other seeds is refused", async () => {
  const algorithm = algorithmNumber("SLH-DSA-SHA2-128f");
  const raw = Buffer.from(slh.slh_dsa_sha2_128f.keygen(Buffer.alloc(48, 3)).secretKey);
  raw[0] = (raw[0] ?? 0) ^ 1;
  const answer = await ask("REST", here.door, importKey, { algorithm, keyMaterial: raw, format: KeyMaterialFormat.RAW });
  assert.equal(answer.code, "INVALID_REQUEST");
  assert.match(answer.detail ?? "", /public half/);
});
