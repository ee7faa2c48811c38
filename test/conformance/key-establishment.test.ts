/**
 * Shared secrets through every door: what one surface makes, another takes apart, and a stranger (noble's own
 * implementations, the openssl command) agrees with both.
 */
import assert from "node:assert/strict";
import { createHmac, createPublicKey, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { Algorithm, KeyMaterialFormat, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { decapsulate } from "@keystead/contract/operations/decapsulate";
import { encapsulate } from "@keystead/contract/operations/encapsulate";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { serve, type RunningServer } from "./running-server.ts";
import { SURFACES, ask, hangUp, type Answer, type Door, type Reply, type Surface } from "./surfaces.ts";

let server: RunningServer;
let door: Door;

before(async () => {
  server = await serve();
  door = {
    origin: server.api,
    ca: server.credential("ca.pem"),
    cert: server.credential("admin.pem"),
    key: server.credential("admin-key.pem"),
  };
});
after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

type Request = Parameters<typeof ask>[3];

/** Asks, and demands success. */
async function given(surface: Surface, operation: Parameters<typeof ask>[2], request: Request): Promise<Reply> {
  const answer = await ask(surface, door, operation, request as never);
  assert.ok(answer.ok, `${operation.name} over ${surface}: ${answer.code} ${answer.detail} ${answer.text.slice(0, 400)}`);
  return answer.reply;
}

async function refused(code: string, surface: Surface, operation: Parameters<typeof ask>[2], request: Request): Promise<Answer> {
  const answer = await ask(surface, door, operation, request as never);
  assert.ok(!answer.ok && answer.code === code, `${operation.name} over ${surface}: expected ${code}, got ${answer.code} ${answer.detail}`);
  return answer;
}

const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const MESSAGE = Buffer.from("one secret, two holders");
let numbered = 0;
const fresh = (what: string): string => `${what}-${(numbered += 1)}`;
/** The surface after this one: what one makes, another takes. */
const next = (surface: Surface): Surface => SURFACES[(SURFACES.indexOf(surface) + 1) % SURFACES.length] as Surface;

const ML_KEM = [
  ["ML-KEM-512", Algorithm.MlKem512, ml_kem512],
  ["ML-KEM-768", Algorithm.MlKem768, ml_kem768],
  ["ML-KEM-1024", Algorithm.MlKem1024, ml_kem1024],
] as const;

for (const [name, algorithm, noble] of ML_KEM) {
  test(`${name}: what noble encapsulates every surface decapsulates, and the other way round`, async () => {
    const seed = randomBytes(64);
    const theirs = noble.keygen(seed);
    const keyId = fresh("kem");
    const imported = await given("REST", importKey, { keyId, algorithm, keyMaterial: seed, format: KeyMaterialFormat.RAW });
    const raw = createPublicKey(imported["public_key"]).export({ format: "raw-public" });
    assert.deepEqual(raw, Buffer.from(theirs.publicKey), "one seed, one public half");
    for (const surface of SURFACES) {
      const made = noble.encapsulate(raw);
      const taken = await given(surface, decapsulate, { keyId, ciphertext: made.cipherText, asBytes: true });
      assert.deepEqual(bytesOf(taken["secret"]), Buffer.from(made.sharedSecret), surface);
      const ours = await given(surface, encapsulate, { keyId, asBytes: true });
      assert.deepEqual(Buffer.from(noble.decapsulate(bytesOf(ours["ciphertext"]), theirs.secretKey)), bytesOf(ours["secret"]), surface);
      // Implicit rejection: the same wrong secret as everybody else's, and no error.
      const wrong = Buffer.from(made.cipherText).fill(0x55, 0, 64);
      const rejected = await given(surface, decapsulate, { keyId, ciphertext: wrong, asBytes: true });
      assert.deepEqual(bytesOf(rejected["secret"]), Buffer.from(noble.decapsulate(wrong, theirs.secretKey)), surface);
      assert.notEqual(rejected["secret"], taken["secret"]);
    }
  });

  test(`${name}: two holders of one secret have the same managed key, which nobody has seen`, async () => {
    const keyId = fresh("kem");
    await given("gRPC", generateKey, { keyId, algorithm });
    for (const surface of SURFACES) {
      const [mine, yours] = [fresh("mine"), fresh("yours")];
      const template = { algorithm: Algorithm.HmacSha256, usage: [Usage.MAC], tags: ["session"], description: "of a test" };
      const made = await given(surface, encapsulate, { keyId, asKey: { ...template, keyId: mine } });
      assert.equal(made["secret"], "", "no bytes leave beside the key");
      assert.deepEqual(
        [made["key"].key_id, made["key"].usage, made["key"].tags, made["key"].description, made["key"].versions[0].local ?? false],
        [mine, surface === "REST" ? ["mac"] : ["USAGE_MAC"], ["session"], "of a test", false],
      );
      const ciphertext = bytesOf(made["ciphertext"]);
      await given(next(surface), decapsulate, { keyId, ciphertext, asKey: { ...template, keyId: yours } });
      const { secret } = await given(next(surface), decapsulate, { keyId, ciphertext, asBytes: true });
      const expected = createHmac("sha256", bytesOf(secret)).update(MESSAGE).digest();
      for (const each of [mine, yours])
        assert.deepEqual(bytesOf((await given(surface, generateMac, { keyId: each, data: MESSAGE }))["mac"]), expected, surface);
      assert.equal((await given(surface, getKey, { keyId: mine }))["key"].version, 1);
    }
  });
}

test("after a rotation an old version still decapsulates when it is named, and encapsulation is for the new one", async () => {
  const keyId = fresh("turning");
  await given("REST", generateKey, { keyId, algorithm: Algorithm.MlKem768 });
  const old = await given("REST", encapsulate, { keyId, asBytes: true });
  await given("REST", rotateKey, { keyId });
  for (const surface of SURFACES) {
    const ciphertext = bytesOf(old["ciphertext"]);
    const named = await given(surface, decapsulate, { keyId, ciphertext, version: 1, asBytes: true });
    assert.deepEqual([named["secret"], named["version"]], [old["secret"], 1]);
    const current = await given(surface, decapsulate, { keyId, ciphertext, asBytes: true });
    assert.equal(current["version"], 2);
    assert.notEqual(current["secret"], old["secret"]);
    assert.equal((await given(surface, encapsulate, { keyId, asBytes: true }))["version"], 2);
  }
});

test("a request that does not say what becomes of the secret, or says both, gets none; nor does a key it does not fit", async () => {
  const keyId = fresh("kem");
  await given("REST", generateKey, { keyId, algorithm: Algorithm.MlKem512 });
  const { ciphertext: text } = await given("REST", encapsulate, { keyId, asBytes: true });
  const ciphertext = bytesOf(text);
  const asKey = { algorithm: Algorithm.Aes256Gcm };
  for (const surface of SURFACES) {
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId });
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asBytes: true, asKey });
    await refused("INVALID_REQUEST", surface, decapsulate, { keyId, ciphertext });
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asKey: {} });
    await refused("INVALID_REQUEST", surface, encapsulate, { keyId, asKey: { ...asKey, usage: [Usage.SIGN] } });
    await refused("MECHANISM_PARAM_INVALID", surface, encapsulate, { keyId, asKey: { algorithm: Algorithm.Aes128Gcm } });
    await refused("MECHANISM_PARAM_INVALID", surface, encapsulate, { keyId, asKey: { algorithm: Algorithm.Ed25519 } });
    await refused("MECHANISM_PARAM_INVALID", surface, decapsulate, { keyId, ciphertext: ciphertext.subarray(1), asBytes: true });
    await refused("OBJECT_EXISTS", surface, encapsulate, { keyId, asKey: { ...asKey, keyId } });
    await refused("OBJECT_NOT_FOUND", surface, decapsulate, { keyId, ciphertext, version: 9, asBytes: true });
  }
});
