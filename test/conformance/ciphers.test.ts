/**
 * The symmetric ciphers beyond AES-GCM and AES-CBC, through every door, and nonces of a caller's choice.
 *
 * Strangers are the `openssl` command for CTR and node:crypto, told by this file and not by ours, for the rest;
 * XChaCha20-Poly1305, which neither has, is held to its vectors (test/vectors/) and to itself here.
 */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { before, test } from "node:test";
import { ALGORITHMS, ALGORITHM_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { isAnyModeAes } from "@keystead/contract/key-modes";
import { CiphertextFormat, KeyMaterialFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateDataKey } from "@keystead/contract/operations/generate-data-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { openssl } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Answer, type Door, type Surface } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);
let user: Door;
before(async () => {
  user = await here.as("KeyUser", "Operator", "Service");
});

function refusedWith(answer: Answer, code: string, what: string): void {
  assert.equal(answer.ok ? "OK" : answer.code, code, `${what}: ${answer.detail}`);
}

const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const MESSAGE = Buffer.from("the same key through every door: the same result");
const AAD = Buffer.from("context");

/** A cipher as the stranger does it: the raw format, under a nonce. */
interface Stranger {
  readonly authenticates: boolean;
  readonly nonceBytes: number;
  readonly shortestBytes: number;
  seal?(key: Buffer, nonce: Buffer, plaintext: Buffer): Buffer;
  open?(key: Buffer, nonce: Buffer, ciphertext: Buffer): Buffer;
}

const aead = (cipher: string): Stranger => ({
  authenticates: true,
  nonceBytes: 12,
  shortestBytes: 0,
  seal(key, nonce, plaintext) {
    const sealer = createCipheriv(cipher as "aes-128-ccm", key, nonce, { authTagLength: 16 });
    sealer.setAAD(AAD, { plaintextLength: plaintext.length });
    return Buffer.concat([sealer.update(plaintext), sealer.final(), sealer.getAuthTag()]);
  },
  open(key, nonce, ciphertext) {
    const opener = createDecipheriv(cipher as "aes-128-ccm", key, nonce, { authTagLength: 16 });
    opener.setAuthTag(ciphertext.subarray(-16));
    opener.setAAD(AAD, { plaintextLength: ciphertext.length - 16 });
    return Buffer.concat([opener.update(ciphertext.subarray(0, -16)), opener.final()]);
  },
});
const ctr = (bits: number): Stranger => {
  const run = (way: "-e" | "-d", key: Buffer, nonce: Buffer, data: Buffer): Buffer =>
    openssl(["enc", way, `-aes-${bits}-ctr`, "-K", key.toString("hex"), "-iv", nonce.toString("hex")], {}, data);
  return {
    authenticates: false,
    nonceBytes: 16,
    shortestBytes: 0,
    seal: (key, nonce, plaintext) => run("-e", key, nonce, plaintext),
    open: (key, nonce, ciphertext) => run("-d", key, nonce, ciphertext),
  };
};
const xts = (bits: number): Stranger => ({
  authenticates: false,
  nonceBytes: 16,
  shortestBytes: 16,
  seal: (key, nonce, plaintext) => createCipheriv(`aes-${bits}-xts`, key, nonce).update(plaintext),
  open: (key, nonce, ciphertext) => createDecipheriv(`aes-${bits}-xts`, key, nonce).update(ciphertext),
});

const STRANGERS: Readonly<Partial<Record<AlgorithmName, Stranger>>> = {
  "AES-128-CCM": aead("aes-128-ccm"),
  "AES-192-CCM": aead("aes-192-ccm"),
  "AES-256-CCM": aead("aes-256-ccm"),
  "AES-128-GCM-SIV": aead("aes-128-gcm-siv"),
  "AES-256-GCM-SIV": aead("aes-256-gcm-siv"),
  "ChaCha20-Poly1305": aead("chacha20-poly1305"),
  "XChaCha20-Poly1305": { authenticates: true, nonceBytes: 24, shortestBytes: 0 },
  "AES-128-CTR": ctr(128),
  "AES-192-CTR": ctr(192),
  "AES-256-CTR": ctr(256),
  "AES-128-XTS": xts(128),
  "AES-256-XTS": xts(256),
};

test("every symmetric cipher is walked here, in algorithms.test.ts or in key-modes.test.ts", () => {
  const symmetric = ALGORITHM_NAMES.filter(
    (name) => ALGORITHMS[name].objectClass === "secret" && (ALGORITHMS[name].usages as readonly string[]).includes("encrypt"),
  );
  assert.deepEqual(
    symmetric.filter((name) => STRANGERS[name] === undefined && !/^AES-\d+-(GCM|CBC)$/.test(name) && !isAnyModeAes(name)),
    [],
  );
});

for (const [name, stranger] of Object.entries(STRANGERS) as [AlgorithmName, Stranger][]) {
  const algorithm = algorithmNumber(name);
  const associatedData = stranger.authenticates ? AAD : Buffer.alloc(0);
  const plaintexts = [Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(16, 7), Buffer.alloc(31, 8), randomBytes(100_000)].filter(
    (plaintext) => plaintext.length >= stranger.shortestBytes,
  );

  test(`${name}: what one surface encrypts, every other decrypts, and a damaged ciphertext is refused where it can be noticed`, async () => {
    const keyId = `seal-${name}`;
    await given("REST", generateKey, { keyId, algorithm });
    for (const [index, surface] of SURFACES.entries()) {
      const other = SURFACES[(index + 1) % SURFACES.length] as Surface;
      for (const plaintext of plaintexts) {
        const ciphertext = bytesOf((await given(surface, encrypt, { keyId, plaintext, associatedData }))["ciphertext"]);
        const opened = await given(other, decrypt, { keyId, ciphertext, associatedData });
        assert.deepEqual(bytesOf(opened["plaintext"]), plaintext, `${surface} to ${other}`);
      }
      const ciphertext = bytesOf((await given(surface, encrypt, { keyId, plaintext: MESSAGE, associatedData }))["ciphertext"]);
      const wrong = [Buffer.alloc(0), ciphertext.subarray(0, 7), ciphertext.with(0, 0x4c), ciphertext.with(6, 9), ciphertext.with(7, 200)];
      if (stranger.authenticates)
        for (let at = 8; at < ciphertext.length; at += 5) wrong.push(ciphertext.with(at, (ciphertext[at] ?? 0) ^ 0x10));
      for (const changed of wrong)
        refusedWith(await ask(surface, here.door, decrypt, { keyId, ciphertext: changed, associatedData }), "DECRYPTION_FAILED", surface);
      if (stranger.authenticates)
        for (const changed of [Buffer.alloc(0), AAD.subarray(1), Buffer.concat([AAD, AAD])])
          refusedWith(await ask(surface, here.door, decrypt, { keyId, ciphertext, associatedData: changed }), "DECRYPTION_FAILED", surface);
      else
        refusedWith(
          await ask(surface, here.door, encrypt, { keyId, plaintext: MESSAGE, associatedData: AAD }),
          "MECHANISM_PARAM_INVALID",
          surface,
        );
    }
  });

  test(`${name}: with an imported key a stranger opens what we seal, and we open what it seals`, async () => {
    const keyMaterial = randomBytes(ALGORITHMS[name].sizeBits / 8);
    const keyId = `raw-${name}`;
    await given("gRPC", importKey, { keyId, algorithm, keyMaterial, format: KeyMaterialFormat.RAW });
    for (const surface of SURFACES) {
      const reply = await given(surface, encrypt, { keyId, plaintext: MESSAGE, associatedData, format: CiphertextFormat.RAW });
      const [ciphertext, nonce] = [bytesOf(reply["ciphertext"]), bytesOf(reply["nonce"])];
      assert.equal(nonce.length, stranger.nonceBytes);
      assert.equal(ciphertext.length, MESSAGE.length + (stranger.authenticates ? 16 : 0));
      if (stranger.open !== undefined) assert.deepEqual(stranger.open(keyMaterial, nonce, ciphertext), MESSAGE);
      const own = randomBytes(stranger.nonceBytes);
      const theirs =
        stranger.seal?.(keyMaterial, own, MESSAGE) ??
        bytesOf(
          (await given(surface, encrypt, { keyId, plaintext: MESSAGE, associatedData, nonce: own, format: CiphertextFormat.RAW }))[
            "ciphertext"
          ],
        );
      const raw = { keyId, ciphertext: theirs, associatedData, format: CiphertextFormat.RAW };
      assert.deepEqual(bytesOf((await given(surface, decrypt, { ...raw, nonce: own }))["plaintext"]), MESSAGE);
      for (const wrong of [Buffer.alloc(0), own.subarray(1)])
        refusedWith(await ask(surface, here.door, decrypt, { ...raw, nonce: wrong }), "DECRYPTION_FAILED", `${surface}: a short nonce`);
    }
  });

  test(`${name}: a nonce of one's own is used as it is, needs its permission, and is never taken silently`, async () => {
    const keyId = `nonce-${name}`;
    await given("REST", generateKey, { keyId, algorithm });
    const nonce = randomBytes(stranger.nonceBytes);
    const request = { keyId, plaintext: MESSAGE, associatedData, nonce, format: CiphertextFormat.RAW };
    const made = new Set<string>();
    for (const surface of SURFACES) {
      const reply = await given(surface, encrypt, request);
      assert.deepEqual(bytesOf(reply["nonce"]), nonce);
      made.add(String(reply["ciphertext"]));
      refusedWith(await ask(surface, user, encrypt, request), "PERMISSION_DENIED", `${surface}: without the permission`);
      await given(surface, encrypt, { ...request, nonce: Buffer.alloc(0) }, user);
      for (const wrong of [nonce.subarray(1), Buffer.alloc(1)])
        refusedWith(await ask(surface, here.door, encrypt, { ...request, nonce: wrong }), "MECHANISM_PARAM_INVALID", `${surface}: size`);
      refusedWith(
        await ask(surface, here.door, encrypt, { ...request, nonce: Buffer.alloc(65) }),
        "INVALID_REQUEST",
        `${surface}: too long`,
      );
    }
    assert.equal(made.size, 1);
    const items = [{ operation: { case: "encrypt" as const, value: request } }];
    assert.equal((await given("gRPC", batch, { items }, user))["results"][0].error.code, "PERMISSION_DENIED");
    assert.equal((await given("gRPC", batch, { items }))["results"][0].encrypt.ciphertext, [...made][0]);
  });

  if ((ALGORITHMS[name].usages as readonly string[]).includes("wrap_data_key"))
    test(`${name}: a data key comes in plain and wrapped, and Decrypt unwraps it`, async () => {
      const keyId = `data-${name}`;
      await given("REST", generateKey, { keyId, algorithm });
      for (const surface of SURFACES) {
        const { plaintext, ciphertext } = await given(surface, generateDataKey, { keyId, associatedData: MESSAGE });
        const sealed = { keyId, ciphertext: bytesOf(ciphertext) };
        assert.equal((await given("gRPC", decrypt, { ...sealed, associatedData: MESSAGE }))["plaintext"], plaintext);
        refusedWith(await ask(surface, here.door, decrypt, sealed), "DECRYPTION_FAILED", surface);
      }
    });
}

test("sizes a mode cannot have are refused by name: XTS under a block, equal XTS halves", async () => {
  const algorithm = algorithmNumber("AES-128-XTS");
  await given("REST", generateKey, { keyId: "xts-sizes", algorithm });
  for (const surface of SURFACES) {
    refusedWith(
      await ask(surface, here.door, encrypt, { keyId: "xts-sizes", plaintext: Buffer.alloc(15) }),
      "MECHANISM_PARAM_INVALID",
      `${surface}: 15 bytes`,
    );
    const half = randomBytes(16);
    const request = { algorithm, keyMaterial: Buffer.concat([half, half]), format: KeyMaterialFormat.RAW };
    refusedWith(await ask(surface, here.door, importKey, request), "INVALID_REQUEST", `${surface}: equal halves`);
  }
});

test("RSA and older ciphers: a caller's nonce is for AES-GCM and AES-CBC, and RSA has none", async () => {
  await given("REST", generateKey, { keyId: "nonce-rsa", algorithm: algorithmNumber("RSA-2048") });
  for (const [name, bytes] of [
    ["AES-256-GCM", 12],
    ["AES-256-GCM", 16],
    ["AES-256-GCM", 64],
    ["AES-256-CBC", 16],
  ] as const) {
    const keyId = `nonce-${name}-${bytes}`;
    await given("REST", generateKey, { keyId, algorithm: algorithmNumber(name) });
    const nonce = randomBytes(bytes);
    const reply = await given("REST", encrypt, { keyId, plaintext: MESSAGE, nonce, format: CiphertextFormat.RAW });
    assert.deepEqual(bytesOf(reply["nonce"]), nonce);
    const own = { keyId, ciphertext: bytesOf(reply["ciphertext"]), nonce, format: CiphertextFormat.RAW };
    const blob = { keyId, ciphertext: bytesOf((await given("gRPC", encrypt, { keyId, plaintext: MESSAGE, nonce }))["ciphertext"]) };
    for (const request of [own, blob]) assert.deepEqual(bytesOf((await given("REST", decrypt, request, user))["plaintext"]), MESSAGE, name);
    refusedWith(await ask("gRPC", user, encrypt, { keyId, plaintext: MESSAGE, nonce }), "PERMISSION_DENIED", name);
  }
  const short = { keyId: "nonce-AES-256-GCM-12", plaintext: MESSAGE, nonce: Buffer.alloc(7) };
  refusedWith(await ask("gRPC", here.door, encrypt, short), "MECHANISM_PARAM_INVALID", "too short to be different");
  refusedWith(
    await ask("gRPC", here.door, encrypt, { keyId: "nonce-rsa", plaintext: MESSAGE, nonce: Buffer.alloc(12) }),
    "MECHANISM_PARAM_INVALID",
    "RSA",
  );
});
