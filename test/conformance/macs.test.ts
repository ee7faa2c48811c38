/**
 * AES-CMAC, AES-GMAC, KMAC and HMAC with SHA-3, through every door, against the `openssl mac` command.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { before, test } from "node:test";
import { ALGORITHMS, ALGORITHM_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { modesOf } from "@keystead/contract/key-modes";
import { KeyMaterialFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { importKey } from "@keystead/contract/operations/import-key";
import { verifyMac } from "@keystead/contract/operations/verify-mac";
import { openssl } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Answer, type Door } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);
let user: Door;
before(async () => {
  user = await here.as("KeyUser", "Operator", "Service");
});

const refusedWith = (answer: Answer, code: string, what: string): void =>
  assert.equal(answer.ok ? "OK" : answer.code, code, `${what}: ${answer.detail}`);
const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const MESSAGE = Buffer.from("the same key through every door: the same result");

/** How the command is told, and which lengths may be asked for: usual, shortest, longest. */
interface Stranger {
  readonly command: readonly string[];
  readonly mac: string;
  readonly lengths: readonly [number, number, number];
  readonly kind: "plain" | "gmac" | "kmac";
}

const aesMac = (mac: "CMAC" | "GMAC", bits: number): Stranger => ({
  command: ["-cipher", `AES-${bits}-${mac === "CMAC" ? "CBC" : "GCM"}`],
  mac,
  lengths: [16, mac === "CMAC" ? 8 : 12, 16],
  kind: mac === "CMAC" ? "plain" : "gmac",
});
const hmacSha3 = (bits: number): Stranger => ({
  command: ["-digest", `SHA3-${bits}`],
  mac: "HMAC",
  lengths: [bits / 8, bits / 16, bits / 8],
  kind: "plain",
});

const STRANGERS: Readonly<Partial<Record<AlgorithmName, Stranger>>> = {
  "AES-128-CMAC": aesMac("CMAC", 128),
  "AES-192-CMAC": aesMac("CMAC", 192),
  "AES-256-CMAC": aesMac("CMAC", 256),
  "AES-128-GMAC": aesMac("GMAC", 128),
  "AES-192-GMAC": aesMac("GMAC", 192),
  "AES-256-GMAC": aesMac("GMAC", 256),
  KMAC128: { command: [], mac: "KMAC-128", lengths: [32, 8, 64], kind: "kmac" },
  KMAC256: { command: [], mac: "KMAC-256", lengths: [64, 8, 64], kind: "kmac" },
  "HMAC-SHA3-256": hmacSha3(256),
  "HMAC-SHA3-384": hmacSha3(384),
  "HMAC-SHA3-512": hmacSha3(512),
};

/** The code as `openssl mac` computes it. KMAC's length is an input; the others' codes are cut. */
function theirs({ command, mac, lengths, kind }: Stranger, key: Buffer, nonce: Buffer, customization: Buffer, bytes = lengths[0]): Buffer {
  const options = [...command, "-macopt", `hexkey:${key.toString("hex")}`];
  if (kind === "gmac") options.push("-macopt", `hexiv:${nonce.toString("hex")}`);
  if (kind === "kmac") options.push("-macopt", `size:${bytes}`);
  if (customization.length > 0) options.push("-macopt", `custom:${customization.toString()}`);
  return openssl(["mac", ...options, "-binary", "-in", "{data}", mac], { data: MESSAGE }).subarray(0, bytes);
}

test("every MAC is walked here, in algorithms.test.ts, in key-modes.test.ts, or in key-establishment.test.ts (BLAKE3)", () => {
  const names = ALGORITHM_NAMES.filter((name) => (ALGORITHMS[name].usages as readonly string[]).includes("mac"));
  assert.deepEqual(
    names.filter(
      (name) => STRANGERS[name] === undefined && !name.startsWith("HMAC-SHA-") && name !== "BLAKE3-MAC" && modesOf(name).length === 0,
    ),
    [],
  );
});

for (const [name, stranger] of Object.entries(STRANGERS) as [AlgorithmName, Stranger][]) {
  const algorithm = algorithmNumber(name);
  const [usual, shortest, longest] = stranger.lengths;
  const customizations = stranger.kind === "kmac" ? [Buffer.alloc(0), Buffer.from("My Tagged Application")] : [Buffer.alloc(0)];

  test(`${name}: openssl computes the same code, every surface verifies it, and a changed byte is not valid`, async () => {
    const keyMaterial = randomBytes(ALGORITHMS[name].sizeBits / 8);
    const keyId = `mac-${name}`;
    await given("gRPC", importKey, { keyId, algorithm, keyMaterial, format: KeyMaterialFormat.RAW });
    for (const surface of SURFACES)
      for (const customization of customizations)
        for (const macBytes of [0, shortest, longest]) {
          const length = macBytes === 0 ? usual : macBytes;
          const made = await given(surface, generateMac, { keyId, data: MESSAGE, customization, macBytes });
          const [mac, nonce] = [bytesOf(made["mac"]), bytesOf(made["nonce"])];
          assert.equal(nonce.length, stranger.kind === "gmac" ? 12 : 0);
          assert.deepEqual(mac, theirs(stranger, keyMaterial, nonce, customization, length), `${surface} ${macBytes}`);
          const asked = { keyId, data: MESSAGE, mac, nonce, customization, macBytes };
          assert.deepEqual(await given(surface, verifyMac, asked), { valid: true, version: 1 });
          // Whoever does not ask for a short code does not get one accepted.
          assert.equal((await given(surface, verifyMac, { ...asked, macBytes: 0 }))["valid"], length === usual);
          for (const wrong of [
            mac.with(0, (mac[0] ?? 0) ^ 1),
            mac.with(length - 1, (mac[length - 1] ?? 0) ^ 128),
            mac.subarray(1),
            Buffer.alloc(0),
          ])
            assert.equal((await given(surface, verifyMac, { ...asked, mac: wrong }))["valid"], false);
          assert.equal((await given(surface, verifyMac, { ...asked, data: MESSAGE.subarray(1) }))["valid"], false);
          if (stranger.kind === "gmac")
            assert.equal((await given(surface, verifyMac, { ...asked, nonce: nonce.with(3, (nonce[3] ?? 0) ^ 1) }))["valid"], false);
          if (stranger.kind === "kmac")
            assert.equal((await given(surface, verifyMac, { ...asked, customization: Buffer.from("other") }))["valid"], false);
        }
  });

  test(`${name}: lengths and parameters that the specification does not have are refused by name`, async () => {
    const keyId = `refused-${name}`;
    await given("REST", generateKey, { keyId, algorithm });
    const wrong: [string, object][] = [
      ["too short", { macBytes: shortest - 1 }],
      ["one byte", { macBytes: 1 }],
    ];
    if (longest < 64) wrong.push(["too long", { macBytes: longest + 1 }]);
    if (stranger.kind !== "kmac") wrong.push(["a customisation string", { customization: Buffer.from("x") }]);
    wrong.push(["a nonce", { nonce: stranger.kind === "gmac" ? Buffer.alloc(7) : Buffer.alloc(12) }]);
    for (const surface of SURFACES) {
      const nonce = stranger.kind === "gmac" ? Buffer.alloc(12) : Buffer.alloc(0);
      for (const [what, choice] of wrong) {
        refusedWith(await ask(surface, here.door, generateMac, { keyId, data: MESSAGE, ...choice }), "MECHANISM_PARAM_INVALID", what);
        const check = { keyId, data: MESSAGE, mac: Buffer.alloc(usual), nonce, ...choice };
        refusedWith(await ask(surface, here.door, verifyMac, check), "MECHANISM_PARAM_INVALID", what);
      }
      refusedWith(await ask(surface, here.door, generateMac, { keyId, data: MESSAGE, macBytes: 65 }), "INVALID_REQUEST", "65 bytes");
    }
  });
}

test("AES-GMAC: a nonce of one's own needs its permission; a code without its nonce cannot be verified", async () => {
  const keyId = "gmac-nonce";
  await given("REST", generateKey, { keyId, algorithm: algorithmNumber("AES-256-GMAC") });
  const nonce = randomBytes(12);
  for (const surface of SURFACES) {
    const made = await given(surface, generateMac, { keyId, data: MESSAGE, nonce });
    assert.deepEqual(bytesOf(made["nonce"]), nonce);
    refusedWith(await ask(surface, user, generateMac, { keyId, data: MESSAGE, nonce }), "PERMISSION_DENIED", surface);
    await given(surface, generateMac, { keyId, data: MESSAGE }, user);
    const mac = bytesOf(made["mac"]);
    assert.equal((await given(surface, verifyMac, { keyId, data: MESSAGE, mac, nonce }, user))["valid"], true);
    refusedWith(await ask(surface, user, verifyMac, { keyId, data: MESSAGE, mac }), "MECHANISM_PARAM_INVALID", surface);
  }
  const items = [{ operation: { case: "generateMac" as const, value: { keyId, data: MESSAGE, nonce } } }];
  assert.equal((await given("gRPC", batch, { items }, user))["results"][0].error.code, "PERMISSION_DENIED");
  assert.deepEqual(bytesOf((await given("gRPC", batch, { items }))["results"][0].generate_mac.nonce), nonce);
});
