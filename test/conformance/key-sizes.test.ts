/**
 * Secrets of the length that somebody wants, through every door: it is kept by rotation, told, and another program computes
 * the same codes with as many bytes. What would be too weak, or no key at all, is refused.
 */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { ALGORITHM_NAMES, keyBytes } from "@keystead/contract/algorithms";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { ExportPolicy, KeyMaterialFormat, KeyMode, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { served } from "./served.ts";
import { SURFACES, ask, type Surface } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);
const data = Buffer.from("what is authenticated");
const GENERIC = algorithmNumber("Generic-Secret");
const CODES = [Usage.MAC, Usage.VERIFY_MAC];
const SIZED = ALGORITHM_NAMES.filter((name) => keyBytes(name).least !== keyBytes(name).most);

const sizeOf = async (surface: Surface, keyId: string): Promise<number> =>
  ((await given(surface, getKey, { keyId })).key as { attributes: { size_bits: number } }).attributes.size_bits / 8;
const materialOf = async (keyId: string): Promise<Buffer> =>
  Buffer.from((await given("REST", exportKey, { keyId, plain: true })).key_material as string, "base64");

test("a secret has the length that was asked for, says it, and keeps it when it is rotated", async () => {
  assert.equal(SIZED.length, 7);
  for (const [at, name] of SIZED.entries()) {
    const { usual, least, most } = keyBytes(name);
    for (const sizeBytes of [least, 20, usual, most]) {
      const surface = SURFACES[(at + sizeBytes) % SURFACES.length] as Surface;
      const keyId = `sized-${name}-${sizeBytes}`;
      await given(surface, generateKey, { keyId, algorithm: algorithmNumber(name), sizeBytes, exportable: ExportPolicy.PLAIN });
      assert.equal(await sizeOf(surface, keyId), sizeBytes, keyId);
      const first = await materialOf(keyId);
      await given(surface, rotateKey, { keyId });
      const second = await materialOf(keyId);
      assert.deepEqual([first.length, second.length, await sizeOf(surface, keyId)], [sizeBytes, sizeBytes, sizeBytes], keyId);
      assert.notDeepEqual(first, second);
    }
  }
});

test("codes with a key of any length are those that another program computes", async () => {
  for (const [at, length] of [14, 20, 31, 33, 64, 65, 128, 129, 200, 512].entries()) {
    const surface = SURFACES[at % SURFACES.length] as Surface;
    const keyMaterial = randomBytes(length);
    const format = KeyMaterialFormat.RAW;
    await given(surface, importKey, { keyId: `own-${length}`, algorithm: algorithmNumber("HMAC-SHA-256"), keyMaterial, format });
    await given(surface, importKey, { keyId: `any-${length}`, algorithm: GENERIC, keyMaterial, format, usage: CODES });
    for (const [keyId, mode, digest] of [
      [`own-${length}`, undefined, "sha256"],
      [`any-${length}`, KeyMode.HMAC_SHA512, "sha512"],
    ] as const) {
      const { mac } = await given(surface, generateMac, { keyId, data, ...(mode === undefined ? {} : { mode }) });
      assert.equal(mac, createHmac(digest, keyMaterial).update(data).digest("base64"), `${keyId} over ${surface}`);
    }
  }
});

test("a length that no key may have is refused, and so is one with which codes would be weak", async () => {
  const refused = async (surface: Surface, request: object): Promise<string> =>
    String((await ask(surface, here.door, generateKey, request as never)).code);
  for (const surface of SURFACES) {
    for (const [name, sizeBytes] of [
      ["HMAC-SHA-256", 13],
      ["HMAC-SHA3-512", 1],
      ["AES-256-GCM", 16],
      ["AES-256", 33],
      ["KMAC128", 16],
      ["RSA-2048", 256],
      ["Ed25519", 32],
    ] as const)
      assert.equal(
        await refused(surface, { algorithm: algorithmNumber(name), sizeBytes }),
        "MECHANISM_PARAM_INVALID",
        `${name} ${surface}`,
      );
    assert.equal(await refused(surface, { algorithm: GENERIC, sizeBytes: 513 }), "INVALID_REQUEST");
    for (const usage of [CODES, [Usage.VERIFY_MAC], [Usage.DERIVE, Usage.MAC]])
      assert.equal(await refused(surface, { algorithm: GENERIC, sizeBytes: 13, usage }), "INVALID_REQUEST", `${surface} ${usage.join()}`);
    const weak = { algorithm: GENERIC, keyMaterial: Buffer.alloc(13, 7), format: KeyMaterialFormat.RAW, usage: CODES };
    assert.equal((await ask(surface, here.door, importKey, weak)).code, "INVALID_REQUEST");
  }
});

test("it leaves and comes back with its length", async () => {
  await given("gRPC", generateKey, { keyId: "wraps", algorithm: algorithmNumber("AES-256-KWP") });
  const exportable = ExportPolicy.WRAPPED;
  await given("gRPC", generateKey, { keyId: "leaves", algorithm: algorithmNumber("HMAC-SHA-384"), sizeBytes: 20, exportable });
  const { wrapped_key: text } = await given("gRPC", wrapKey, { keyId: "wraps", targetKeyId: "leaves" });
  const asKey = { keyId: "back", algorithm: algorithmNumber("HMAC-SHA-384") };
  await given("gRPC", unwrapKey, { keyId: "wraps", wrappedKey: Buffer.from(text as string, "base64"), asKey });
  assert.equal(await sizeOf("gRPC", "back"), 20);
  assert.equal(
    (await given("REST", generateMac, { keyId: "back", data })).mac,
    (await given("REST", generateMac, { keyId: "leaves", data })).mac,
  );
});
