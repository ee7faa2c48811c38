/**
 * Keys whose requests name the mode (AES of no one mode, AES-CBC without padding, HMAC under generic secrets), through
 * every surface, against node:crypto told by this file.
 */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { before, test } from "node:test";
import { algorithmNumber, enumSpelling } from "@keystead/contract/enum-names";
import { CiphertextFormat, ExportPolicy, KeyMaterialFormat, KeyMode, KeyModeSchema, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { verifyMac } from "@keystead/contract/operations/verify-mac";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import type { Operation } from "@keystead/contract/operation";
import { openssl } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Door } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);
let user: Door;
before(async () => {
  user = await here.as("KeyUser", "Operator", "Service");
});

const nameOf = (mode: KeyMode): string => enumSpelling(KeyModeSchema, mode) ?? "none";
const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const BLOCKS = Buffer.from("thirty-two bytes of plain text !");
const AAD = Buffer.from("context");
const RAW = { format: CiphertextFormat.RAW } as const;
const secret = (keyId: string, name: Parameters<typeof algorithmNumber>[0], keyMaterial: Buffer, usage: Usage[]): Promise<unknown> =>
  given("gRPC", importKey, { keyId, algorithm: algorithmNumber(name), keyMaterial, format: KeyMaterialFormat.RAW, usage });
async function refused(row: Operation, request: Record<string, unknown>, code: string, what: string): Promise<void> {
  const answer = await ask("gRPC", user, row, request);
  assert.equal(answer.ok ? "OK" : answer.code, code, `${what}: ${answer.detail}`);
}

/** What node:crypto makes of the blocks in a mode. */
function theirs(mode: KeyMode, key: Buffer, nonce: Buffer): Buffer {
  const bits = 8 * key.length;
  if (mode === KeyMode.GCM || mode === KeyMode.CCM) {
    const cipher = createCipheriv(`aes-${bits}-${mode === KeyMode.GCM ? "gcm" : "ccm"}` as "aes-128-ccm", key, nonce, {
      authTagLength: 16,
    });
    cipher.setAAD(AAD, { plaintextLength: BLOCKS.length });
    return Buffer.concat([cipher.update(BLOCKS), cipher.final(), cipher.getAuthTag()]);
  }
  const cipher = createCipheriv(`aes-${bits}-${mode === KeyMode.CTR ? "ctr" : "cbc"}`, key, nonce);
  cipher.setAutoPadding(mode === KeyMode.CBC);
  return Buffer.concat([cipher.update(BLOCKS), cipher.final()]);
}

for (const bits of [128, 192, 256] as const) {
  test(`AES-${bits}: one key encrypts in every mode, on every surface, as node:crypto does`, async () => {
    const [keyId, keyMaterial] = [`any-${bits}`, randomBytes(bits / 8)];
    await secret(keyId, `AES-${bits}`, keyMaterial, [Usage.ENCRYPT, Usage.DECRYPT]);
    for (const surface of SURFACES)
      for (const mode of [KeyMode.GCM, KeyMode.CBC, KeyMode.CBC_NO_PADDING, KeyMode.CTR, KeyMode.CCM]) {
        const associatedData = mode === KeyMode.GCM || mode === KeyMode.CCM ? AAD : Buffer.alloc(0);
        const made = await given(surface, encrypt, { keyId, plaintext: BLOCKS, mode, associatedData, ...RAW });
        const [ciphertext, nonce] = [bytesOf(made["ciphertext"]), bytesOf(made["nonce"])];
        assert.deepEqual(ciphertext, theirs(mode, keyMaterial, nonce), `${surface} ${nameOf(mode)}`);
        const opened = await given(surface, decrypt, { keyId, ciphertext, nonce, mode, associatedData, ...RAW });
        assert.deepEqual(bytesOf(opened["plaintext"]), BLOCKS);
        const sealed = await given(surface, encrypt, { keyId, plaintext: BLOCKS, mode, associatedData });
        const again = await given(surface, decrypt, { keyId, ciphertext: bytesOf(sealed["ciphertext"]), mode, associatedData });
        assert.deepEqual(bytesOf(again["plaintext"]), BLOCKS);
      }
    const plain = await given("REST", encrypt, { keyId, plaintext: BLOCKS, associatedData: AAD, ...RAW });
    assert.deepEqual(bytesOf(plain["ciphertext"]), theirs(KeyMode.GCM, keyMaterial, bytesOf(plain["nonce"])), "left out, it is GCM");
    await refused(encrypt, { keyId, plaintext: BLOCKS, mode: KeyMode.KW }, "MECHANISM_PARAM_INVALID", "a mode that does not encrypt");
    await refused(encrypt, { keyId, plaintext: BLOCKS.subarray(1), mode: KeyMode.CBC_NO_PADDING }, "MECHANISM_PARAM_INVALID", "31 bytes");
    await refused(
      encrypt,
      { keyId, plaintext: BLOCKS, mode: KeyMode.CTR, associatedData: AAD },
      "MECHANISM_PARAM_INVALID",
      "CTR with data",
    );
    await refused(generateMac, { keyId, data: BLOCKS }, "KEY_USAGE_FORBIDS", "a MAC that was not asked for");
    await refused(
      decrypt,
      { keyId, ciphertext: BLOCKS.subarray(1), nonce: BLOCKS.subarray(16), mode: KeyMode.CBC_NO_PADDING, ...RAW },
      "DECRYPTION_FAILED",
      "no whole blocks",
    );
  });

  test(`AES-${bits}: one key makes CMAC and GMAC codes, which openssl makes too`, async () => {
    const [keyId, keyMaterial] = [`mac-${bits}`, randomBytes(bits / 8)];
    await secret(keyId, `AES-${bits}`, keyMaterial, [Usage.MAC, Usage.VERIFY_MAC]);
    for (const surface of SURFACES)
      for (const mode of [KeyMode.CMAC, KeyMode.GMAC]) {
        const made = await given(surface, generateMac, { keyId, data: BLOCKS, mode });
        const [mac, nonce] = [bytesOf(made["mac"]), bytesOf(made["nonce"])];
        const options = [`cipher:AES-${bits}-${mode === KeyMode.CMAC ? "CBC" : "GCM"}`, `hexkey:${keyMaterial.toString("hex")}`];
        if (mode === KeyMode.GMAC) options.push(`hexiv:${nonce.toString("hex")}`);
        const words = options.flatMap((option) => ["-macopt", option]);
        const wanted = openssl(["mac", ...words, "-binary", "-in", "{data}", mode === KeyMode.CMAC ? "CMAC" : "GMAC"], { data: BLOCKS });
        assert.deepEqual(mac, wanted);
        const asked = { keyId, data: BLOCKS, mac, nonce, mode };
        assert.equal((await given(surface, verifyMac, asked))["valid"], true);
        assert.equal((await given(surface, verifyMac, { ...asked, mac: mac.with(0, (mac[0] ?? 0) ^ 1) }))["valid"], false);
      }
    await refused(generateMac, { keyId, data: BLOCKS, mode: KeyMode.HMAC_SHA256 }, "MECHANISM_PARAM_INVALID", "HMAC");
    await refused(encrypt, { keyId, plaintext: BLOCKS }, "KEY_USAGE_FORBIDS", "encryption that was not asked for");
  });
}

test("an AES key of no one mode wraps by KW, KWP and GCM, and only unwraps what it wrapped in the same one", async () => {
  const usage = [Usage.WRAP, Usage.UNWRAP];
  await given("gRPC", generateKey, { keyId: "kek", algorithm: algorithmNumber("AES-256"), usage });
  const plain = { exportable: ExportPolicy.PLAIN };
  const target = randomBytes(32);
  const raw = { keyMaterial: target, format: KeyMaterialFormat.RAW };
  await given("gRPC", importKey, { keyId: "moved", algorithm: algorithmNumber("AES-256-GCM"), ...raw, ...plain });
  for (const mode of [KeyMode.GCM, KeyMode.KW, KeyMode.KWP]) {
    const { wrapped_key } = await given("gRPC", wrapKey, { keyId: "kek", targetKeyId: "moved", mode });
    const wrappedKey = bytesOf(wrapped_key);
    const asKey = { keyId: `back-${mode}`, algorithm: algorithmNumber("AES-256-GCM"), ...plain };
    for (const other of [KeyMode.GCM, KeyMode.KW, KeyMode.KWP].filter((each) => each !== mode))
      await refused(unwrapKey, { keyId: "kek", wrappedKey, asKey, mode: other }, "DECRYPTION_FAILED", nameOf(mode));
    await given("gRPC", unwrapKey, { keyId: "kek", wrappedKey, asKey, mode });
    const { key_material } = await given("gRPC", exportKey, { keyId: `back-${mode}`, plain: true });
    assert.deepEqual(bytesOf(key_material), target);
  }
  const both = { keyId: "both", algorithm: algorithmNumber("AES-256"), usage: [Usage.ENCRYPT, Usage.WRAP] };
  await refused(generateKey, both, "INVALID_REQUEST", "a key that wraps does nothing else");
});

test("an AES-CBC key has blocks without padding when that is asked for, and no other mode", async () => {
  const keyMaterial = randomBytes(16);
  await secret("cbc", "AES-128-CBC", keyMaterial, []);
  const mode = KeyMode.CBC_NO_PADDING;
  const { ciphertext, nonce } = await given("REST", encrypt, { keyId: "cbc", plaintext: BLOCKS, mode, ...RAW });
  assert.equal(bytesOf(ciphertext).length, 32);
  const decipher = createDecipheriv("aes-128-cbc", keyMaterial, bytesOf(nonce)).setAutoPadding(false);
  assert.deepEqual(Buffer.concat([decipher.update(bytesOf(ciphertext)), decipher.final()]), BLOCKS);
  await refused(encrypt, { keyId: "cbc", plaintext: BLOCKS, mode: KeyMode.GCM }, "MECHANISM_PARAM_INVALID", "GCM");
  await given("gRPC", generateKey, { keyId: "gcm", algorithm: algorithmNumber("AES-128-GCM") });
  await refused(encrypt, { keyId: "gcm", plaintext: BLOCKS, mode: KeyMode.GCM }, "MECHANISM_PARAM_INVALID", "a key of one mode takes none");
});

test("a generic secret is the key of every HMAC when it was made for that, and not otherwise", async () => {
  const keyMaterial = randomBytes(50);
  await secret("generic", "Generic-Secret", keyMaterial, [Usage.MAC, Usage.VERIFY_MAC]);
  for (const [mode, hash] of [
    [KeyMode.UNSPECIFIED, "sha256"],
    [KeyMode.HMAC_SHA256, "sha256"],
    [KeyMode.HMAC_SHA384, "sha384"],
    [KeyMode.HMAC_SHA512, "sha512"],
    [KeyMode.HMAC_SHA3_256, "sha3-256"],
    [KeyMode.HMAC_SHA3_384, "sha3-384"],
    [KeyMode.HMAC_SHA3_512, "sha3-512"],
  ] as const)
    for (const surface of SURFACES) {
      const { mac } = await given(surface, generateMac, { keyId: "generic", data: BLOCKS, mode });
      assert.deepEqual(bytesOf(mac), createHmac(hash, keyMaterial).update(BLOCKS).digest(), hash);
      const asked = { keyId: "generic", data: BLOCKS, mac: bytesOf(mac), mode };
      assert.deepEqual(await given(surface, verifyMac, asked), { valid: true, version: 1 });
    }
  await given("gRPC", generateKey, { keyId: "derives", algorithm: algorithmNumber("Generic-Secret") });
  const { key } = await given("gRPC", getKey, { keyId: "derives" });
  assert.deepEqual(key.attributes.usage, ["USAGE_DERIVE"]);
  await refused(generateMac, { keyId: "derives", data: BLOCKS }, "KEY_USAGE_FORBIDS", "a secret that derives");
});

test("a key that allows some modes is used in no other", async () => {
  const allowedMechanisms = ["AES-256-CBC", "AES-256-GCM"];
  await given("gRPC", generateKey, { keyId: "held", algorithm: algorithmNumber("AES-256"), attributes: { allowedMechanisms } });
  await given("gRPC", encrypt, { keyId: "held", plaintext: BLOCKS });
  await given("gRPC", encrypt, { keyId: "held", plaintext: BLOCKS, mode: KeyMode.CBC });
  for (const format of [CiphertextFormat.RAW, CiphertextFormat.SEALED])
    for (const mode of [KeyMode.CTR, KeyMode.CCM, KeyMode.CBC_NO_PADDING])
      await refused(encrypt, { keyId: "held", plaintext: BLOCKS, mode, format }, "KEY_USAGE_FORBIDS", nameOf(mode));
});
