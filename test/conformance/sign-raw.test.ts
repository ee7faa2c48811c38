/**
 * SignRaw through every door: openssl recovers what it signed, a key does it only when it names the way, and the audit log
 * tells it from Sign and SignDigest.
 */
import assert from "node:assert/strict";
import { constants, createHash, createPublicKey, publicDecrypt, randomBytes, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { RawPadding, SignatureScheme, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { copyKey } from "@keystead/contract/operations/copy-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { sign } from "@keystead/contract/operations/sign";
import { signRaw } from "@keystead/contract/operations/sign-raw";
import { served } from "./served.ts";
import { SURFACES, ask, type Door, type Surface } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);

const { PKCS1, NONE } = RawPadding;
const [BARE, RAW] = ["RSA-PKCS1-BARE", "RSA-RAW"];
const SIGNS: readonly Usage[] = [Usage.SIGN, Usage.VERIFY];
const SIZES = { "RSA-2048": 256, "RSA-3072": 384, "RSA-4096": 512 } as const;
const publicKeys: Record<string, KeyObject> = {};

const made = async (
  keyId: string,
  algorithm: keyof typeof SIZES,
  allowedMechanisms: string[],
  usage: readonly Usage[] = SIGNS,
): Promise<void> => {
  const attributes = { allowedMechanisms };
  const { public_key: pem } = await given("gRPC", generateKey, {
    keyId,
    algorithm: algorithmNumber(algorithm),
    usage: [...usage],
    attributes,
  });
  publicKeys[keyId] = createPublicKey(pem as string);
};
const recovered = (keyId: string, signature: Buffer, padding: number): Buffer =>
  publicDecrypt({ key: publicKeys[keyId] as KeyObject, padding }, signature);
const signed = async (surface: Surface, keyId: string, rawData: Uint8Array, padding: RawPadding): Promise<Buffer> =>
  Buffer.from((await given(surface, signRaw, { keyId, rawData, padding })).signature as string, "base64");
const codeOf = async (surface: Surface, request: object, door = here.door): Promise<string> => {
  const answer = await ask(surface, door, signRaw, request as never);
  return answer.ok ? "OK" : String(answer.code);
};

async function makeKeys(): Promise<void> {
  for (const algorithm of Object.keys(SIZES) as (keyof typeof SIZES)[]) await made(`both-${algorithm}`, algorithm, [BARE, RAW]);
  await made("bare", "RSA-2048", [BARE, "RSA-PKCS1-SHA-256"], [...SIGNS, Usage.ENCRYPT, Usage.DECRYPT]);
  await made("raw", "RSA-2048", [RAW]);
  await made("neither", "RSA-2048", ["RSA-PKCS1-DIGEST"]);
  await made("unlisted", "RSA-2048", []);
}
/** The keys of every test here, made by the first one. */
let keys: Promise<void> | undefined;
const withKeys = (name: string, body: () => Promise<void>): void =>
  void test(name, async () => {
    await (keys ??= makeKeys());
    await body();
  });

withKeys("what was signed comes out again with the public key: any length that fits, for every size of key", async () => {
  for (const [algorithm, bytes] of Object.entries(SIZES))
    for (const surface of SURFACES) {
      const keyId = `both-${algorithm}`;
      for (const length of [0, 1, 20, 35, bytes - 12, bytes - 11]) {
        const data = randomBytes(length);
        assert.deepEqual(recovered(keyId, await signed(surface, keyId, data, PKCS1), constants.RSA_PKCS1_PADDING), data);
      }
      const block = Buffer.concat([Uint8Array.of(0), randomBytes(bytes - 1)]);
      assert.deepEqual(recovered(keyId, await signed(surface, keyId, block, NONE), constants.RSA_NO_PADDING), block);
    }
});

withKeys("a DigestInfo so signed is the signature that Sign makes", async () => {
  const data = Buffer.from("hashed elsewhere");
  const digest = createHash("sha256").update(data).digest();
  const info = Buffer.concat([Buffer.from("3031300d060960864801650304020105000420", "hex"), digest]);
  const { signature } = await given("REST", sign, { keyId: "bare", data, scheme: SignatureScheme.PKCS1 });
  assert.equal((await signed("REST", "bare", info, PKCS1)).toString("base64"), signature);
});

withKeys("what does not fit the key is refused: too long, too short, too large a number, no padding named", async () => {
  const wrong = "MECHANISM_PARAM_INVALID";
  for (const surface of SURFACES) {
    const keyId = "both-RSA-2048";
    assert.equal(await codeOf(surface, { keyId, rawData: Buffer.alloc(246), padding: PKCS1 }), wrong, surface);
    for (const block of [Buffer.alloc(0), Buffer.alloc(255), Buffer.alloc(257), Buffer.alloc(256, 0xff)])
      assert.equal(await codeOf(surface, { keyId, rawData: block, padding: NONE }), wrong, `${surface} ${block.length}`);
    const modulus = Buffer.from((publicKeys[keyId] as KeyObject).export({ format: "jwk" }).n as string, "base64url");
    assert.equal(await codeOf(surface, { keyId, rawData: modulus, padding: NONE }), wrong, `${surface}: the modulus`);
    assert.equal(await codeOf(surface, { keyId, rawData: Buffer.alloc(1) }), "INVALID_REQUEST", surface);
    assert.equal(await codeOf(surface, { keyId, rawData: Buffer.alloc(513), padding: PKCS1 }), "INVALID_REQUEST", surface);
  }
});

withKeys("a key does it only as it names the way: a list without it, and no list, are refused", async () => {
  // A DigestInfo of SHA-1 is bare data like any other.
  const rawData = Buffer.concat([Buffer.from("3021300906052b0e03021a05000414", "hex"), Buffer.alloc(20, 7)]);
  const block = Buffer.alloc(256, 1);
  const no = "KEY_USAGE_FORBIDS";
  await given("REST", generateKey, { keyId: "curve-raw", algorithm: algorithmNumber("ECDSA-P256") });
  for (const surface of SURFACES) {
    for (const [keyId, padded, bare] of [
      ["bare", "OK", no],
      ["raw", no, "OK"],
      ["neither", no, no],
      ["unlisted", no, no],
      ["curve-raw", "MECHANISM_NOT_SUPPORTED", "MECHANISM_NOT_SUPPORTED"],
    ] as const)
      assert.deepEqual(
        [await codeOf(surface, { keyId, rawData, padding: PKCS1 }), await codeOf(surface, { keyId, rawData: block, padding: NONE })],
        [padded, bare],
        `${surface} ${keyId}`,
      );
  }
});

withKeys("nobody gains a way, by a change or by a copy, and no key that is encrypted to has the bare operation", async () => {
  const refuses = async (operation: Parameters<typeof ask>[2], request: Parameters<typeof ask>[3]): Promise<void> =>
    assert.equal((await ask("REST", here.door, operation, request)).code, "INVALID_REQUEST", operation.name);
  for (const way of [BARE, RAW])
    for (const keyId of ["unlisted", "neither"]) {
      await refuses(setAttributes, { keyId, attributes: { allowedMechanisms: [way] } });
      await refuses(copyKey, { keyId, attributes: { allowedMechanisms: [way] } });
    }
  for (const usage of [undefined, [...SIGNS, Usage.DECRYPT], [Usage.SIGN, Usage.ENCRYPT], [Usage.UNWRAP]])
    await refuses(generateKey, {
      algorithm: algorithmNumber("RSA-2048"),
      ...(usage === undefined ? {} : { usage }),
      attributes: { allowedMechanisms: [RAW] },
    });
  const { key } = await given("REST", copyKey, { keyId: "bare", newKeyId: "bare-copy" });
  assert.deepEqual((key as { attributes: { allowed_mechanisms: string[] } }).attributes.allowed_mechanisms, [BARE, "RSA-PKCS1-SHA-256"]);
});

withKeys("it needs the permission to sign digests, and the log tells it from other signatures", async () => {
  const { origin, ca } = here.door as { origin: string; ca: string };
  const as = async (role: string): Promise<Door> => ({
    origin,
    ca,
    token: await mint(here.server.credential("token-key.pem"), { roles: [role] }),
  });
  const request = { keyId: "bare", rawData: Buffer.from("x"), padding: PKCS1 };
  for (const role of ["KeyUser", "Operator", "NamespaceAdmin", "KeyAdmin", "Auditor"])
    assert.equal(await codeOf("REST", request, await as(role)), "PERMISSION_DENIED", role);
  assert.equal(await codeOf("REST", request, await as("Service")), "OK");
  assert.equal(await codeOf("REST", { ...request, keyId: "unlisted" }), "KEY_USAGE_FORBIDS");
  const { events } = await given("REST", getAuditLog, { action: "SignRaw", pageSize: 1000 });
  const about = (wanted: string): Record<string, string>[] =>
    (events as Record<string, string>[]).filter(({ outcome }) => outcome === wanted);
  assert.equal(about("PERMISSION_DENIED").length, 5);
  assert.ok(about("KEY_USAGE_FORBIDS").some((event) => event["key_id"]?.startsWith("unlisted")));
  assert.ok(about("OK").every((event) => /^[0-9a-f]{64}$/.test(event["payload_sha256"] ?? "")));
});
