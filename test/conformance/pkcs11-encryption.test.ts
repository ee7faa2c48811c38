/**
 * Ciphers and codes of the PKCS#11 module against a live server: the rules of the specification, Wycheproof's cases, openssl
 * and pkcs11-tool as strangers.
 */
import assert from "node:assert/strict";
import { constants, publicEncrypt, randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { ExportPolicy, KeyMaterialFormat, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { ENVIRONMENT } from "../environment.ts";
import { builtModule, skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";

const VECTORS = new URL("../../../shared/vectors/wycheproof/", import.meta.url);
const skipVectors = existsSync(VECTORS) ? false : "no Wycheproof vectors beside the repository";

const KEYS = {
  any: "AES-256",
  gcm: "AES-256-GCM",
  cbc: "AES-128-CBC",
  ctr: "AES-192-CTR",
  ccm: "AES-128-CCM",
  xts: "AES-256-XTS",
  chacha: "ChaCha20-Poly1305",
  mac: "AES-256-CMAC",
  cmac: "AES-128-CMAC",
  gmac: "AES-256-GMAC",
  hmac256: "HMAC-SHA-256",
  derives: "Generic-Secret",
  rsa: "RSA-2048",
  p256: "ECDSA-P256",
  p384: "ECDSA-P384",
  p521: "ECDSA-P521",
  ed25519: "Ed25519",
  mldsa44: "ML-DSA-44",
  mldsa65: "ML-DSA-65",
  mldsa87: "ML-DSA-87",
  slh128f: "SLH-DSA-SHA2-128f",
} as const;

interface Case {
  readonly tcId: number;
  readonly result: string;
  readonly [member: string]: unknown;
}

describe("the module's ciphers", { skip: skipModule }, () => {
  const here = served();
  let library = "";
  let config = "";
  let rsaPem = "";
  const program = (file: string, scenario: string, ...args: readonly string[]): void => {
    const { status, signal, stdout, stderr } = spawnSync(
      "python3",
      [join(import.meta.dirname, "pkcs11", file), library, scenario, config, ...args],
      { env: { ...ENVIRONMENT }, encoding: "utf8" },
    );
    assert.equal(status, 0, `${signal ?? ""}${stdout}${stderr}`);
  };

  before(async () => {
    library = builtModule();
    const credential = (file: string): string => join(here.server.data, "credentials", file);
    config = join(here.server.folder, "encryption.yaml");
    writeFileSync(
      config,
      JSON.stringify({
        endpoint: here.server.api,
        ca: credential("ca.pem"),
        cert: credential("admin.pem"),
        key: credential("admin-key.pem"),
        slots: [{ namespace: "default" }],
      }),
    );
    for (const [keyId, algorithm] of Object.entries(KEYS)) {
      const usage = keyId === "any" ? [Usage.ENCRYPT, Usage.DECRYPT, Usage.MAC, Usage.VERIFY_MAC] : [];
      const made = await here.given("gRPC", generateKey, { keyId, algorithm: algorithmNumber(algorithm), usage });
      if (keyId === "rsa") rsaPem = made["public_key"] as string;
    }
    const allowedMechanisms = ["AES-128-GCM"];
    await here.given("gRPC", generateKey, { keyId: "held", algorithm: algorithmNumber("AES-128"), attributes: { allowedMechanisms } });
  });

  test("codes are those of Python and of every key its own, whole, in pieces and of other lengths", async () => {
    const keyMaterial = randomBytes(40);
    const raw = { keyMaterial, format: KeyMaterialFormat.RAW, usage: [Usage.MAC, Usage.VERIFY_MAC] };
    await here.given("gRPC", importKey, { keyId: "generic", algorithm: algorithmNumber("Generic-Secret"), ...raw });
    program("codes.py", "macs", keyMaterial.toString("hex"));
  });

  test("post-quantum signatures, contexts, pre-hashed EdDSA and SHA-3 verify, and what was changed does not", () =>
    program("codes.py", "signatures"));

  test("a signature that is given first is verified by the same rules, and no state is saved", () => program("codes.py", "given_first"));

  test("messages under one key have nonces of the caller or the vault, and one that does not open ends itself alone", () =>
    program("messages.py", "ciphers"));

  test("messages are signed and verified one after the other, whole and in parts", () => program("messages.py", "signatures"));

  test("every cipher goes there and back, whole and in pieces, and each mistake has its own answer", () =>
    program("encryption.py", "rules"));

  test("RSA-OAEP is with every hash and any label, and opens what openssl encrypted", () => {
    const sealed = join(here.server.folder, "sealed");
    const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
    writeFileSync(sealed, publicEncrypt({ key: rsaPem, ...padding }, Buffer.from("from openssl")));
    program("encryption.py", "rsa", sealed);
  });

  test("what an older version of a key sealed, wrapped or authenticated is good after rotations", async () => {
    const made = (keyId: string, algorithm: Parameters<typeof algorithmNumber>[0], more: object = {}) =>
      here.given("gRPC", generateKey, { keyId, algorithm: algorithmNumber(algorithm), ...more });
    await made("turns", "AES-256");
    await made("turns_chacha", "ChaCha20-Poly1305");
    await made("turns_rsa", "RSA-2048");
    await made("turns_hmac", "HMAC-SHA-256");
    await made("turns_kek", "AES-256", { usage: [Usage.WRAP, Usage.UNWRAP] });
    await made("turns_leaves", "AES-128", { exportable: ExportPolicy.WRAPPED });
    const file = join(here.server.folder, "rotated.json");
    program("encryption.py", "before_rotation", file);
    for (const keyId of ["turns", "turns_chacha", "turns_rsa", "turns_hmac", "turns_kek", "turns"])
      await here.given("gRPC", rotateKey, { keyId });
    program("encryption.py", "after_rotation", file);
  });

  test("pkcs11-tool encrypts and decrypts with one key in several modes", () => {
    const file = (name: string): string => join(here.server.folder, name);
    // More than the buffer in which the tool takes what comes out: parts have to keep pace.
    const plain = "a text that pkcs11-tool encrypts".repeat(300);
    writeFileSync(file("plain"), plain);
    for (const mechanism of ["AES-CBC", "AES-CBC-PAD"]) {
      const run = (way: string, from: string, to: string): void => {
        const words = [way, "--id", Buffer.from("any").toString("hex"), "-m", mechanism, "--iv", "00112233445566778899aabbccddeeff"];
        const { status, stderr } = spawnSync("pkcs11-tool", ["--module", library, ...words, "-i", file(from), "-o", file(to)], {
          env: { ...ENVIRONMENT, HSM_PKCS11_CONFIG: config },
          encoding: "utf8",
        });
        assert.equal(status, 0, `${mechanism}: ${stderr}`);
      };
      run("--encrypt", "plain", "sealed-by-tool");
      run("--decrypt", "sealed-by-tool", "opened");
      assert.equal(readFileSync(file("opened"), "utf8"), plain);
    }
  });

  test("Wycheproof's cases have Wycheproof's verdicts through the module", { skip: skipVectors }, async () => {
    const cases: object[] = [];
    for (const [file, mechanism, algorithm, tagged] of [
      ["aes_gcm_test", 0x1087, (bits: number) => `AES-${bits}`, true],
      ["aes_cbc_pkcs5_test", 0x1085, (bits: number) => `AES-${bits}`, false],
      ["aes_ccm_test", 0x1088, (bits: number) => `AES-${bits}`, true],
      ["chacha20_poly1305_test", 0x4021, () => "ChaCha20-Poly1305", true],
      ["aes_xts_test", 0x1071, (bits: number) => `AES-${bits / 2}-XTS`, false],
    ] as const) {
      const { testGroups } = JSON.parse(readFileSync(new URL(`${file}.json`, VECTORS), "utf8")) as {
        testGroups: { tests: Case[]; keySize: number; ivSize: number; tagSize?: number }[];
      };
      for (const group of testGroups) {
        const sizes = file === "aes_gcm_test" ? { least: 64, most: 512 } : { least: 96, most: 96 };
        const ours = tagged ? group.ivSize >= sizes.least && group.ivSize <= sizes.most && group.tagSize === 128 : group.keySize !== 384;
        // Every case that must not open, and each eighth of the others: there is a key to import for each.
        const some = group.tests.filter(({ tcId, result }) => ours && (result !== "valid" || tcId % 8 === 0));
        for (const item of some) {
          const keyId = `${file}-${item.tcId}`;
          const keyMaterial = Buffer.from(item["key"] as string, "hex");
          const name = algorithm(group.keySize) as Parameters<typeof algorithmNumber>[0];
          const request = { keyId, algorithm: algorithmNumber(name), keyMaterial, format: KeyMaterialFormat.RAW };
          await here.given("gRPC", importKey, { ...request, usage: [Usage.ENCRYPT, Usage.DECRYPT] });
          // The file numbers data units in as few bytes as they need.
          const iv = (item["iv"] as string).padEnd(file === "aes_xts_test" ? 32 : 0, "0");
          const sealed = `${item["ct"] as string}${tagged ? (item["tag"] as string) : ""}`;
          const aad = (item["aad"] as string | undefined) ?? "";
          cases.push({ label: keyId, mechanism, iv, aad, msg: item["msg"], sealed, valid: item.result === "valid" });
        }
      }
    }
    const path = join(here.server.folder, "cases.json");
    writeFileSync(path, JSON.stringify(cases));
    program("encryption.py", "vectors", path);
  });

  test("Wycheproof's OAEP ciphertexts have Wycheproof's verdicts through the module", { skip: skipVectors }, async () => {
    const { testGroups } = JSON.parse(readFileSync(new URL("rsa_oaep_2048_sha256_mgf1sha256_test.json", VECTORS), "utf8")) as {
      testGroups: { tests: Case[]; privateKeyPkcs8: string }[];
    };
    const [group] = testGroups;
    assert.ok(group !== undefined);
    const request = { keyId: "oaep", algorithm: algorithmNumber("RSA-2048"), format: KeyMaterialFormat.PKCS8 };
    await here.given("gRPC", importKey, { ...request, keyMaterial: Buffer.from(group.privateKeyPkcs8, "hex") });
    const path = join(here.server.folder, "oaep.json");
    writeFileSync(path, JSON.stringify(group.tests));
    program("encryption.py", "oaep_vectors", path);
  });

  test("Wycheproof's codes have Wycheproof's verdicts through the module", { skip: skipVectors }, async () => {
    const cases: object[] = [];
    for (const [file, mechanism, algorithm, tagBits] of [
      ["hmac_sha256_test", 0x251, () => "Generic-Secret", 256],
      ["hmac_sha3_256_test", 0x2b1, () => "Generic-Secret", 256],
      ["aes_cmac_test", 0x108a, (bits: number) => `AES-${bits}`, 128],
      ["aes_gmac_test", 0x108e, (bits: number) => `AES-${bits}`, 128],
    ] as const) {
      const { testGroups } = JSON.parse(readFileSync(new URL(`${file}.json`, VECTORS), "utf8")) as {
        testGroups: { tests: Case[]; keySize: number; ivSize?: number; tagSize: number }[];
      };
      for (const group of testGroups) {
        const ours = group.tagSize === tagBits && (algorithm(0) === "Generic-Secret" || [128, 192, 256].includes(group.keySize));
        for (const item of group.tests.filter(({ tcId }) => ours && tcId % 7 === 0)) {
          const keyId = `${file}-${item.tcId}`;
          const keyMaterial = Buffer.from(item["key"] as string, "hex");
          const name = algorithm(group.keySize) as Parameters<typeof algorithmNumber>[0];
          const request = { keyId, algorithm: algorithmNumber(name), keyMaterial, format: KeyMaterialFormat.RAW };
          await here.given("gRPC", importKey, { ...request, usage: [Usage.MAC, Usage.VERIFY_MAC] });
          const parameter = (item["iv"] as string | undefined) ?? "";
          cases.push({ label: keyId, mechanism, parameter, msg: item["msg"], tag: item["tag"], valid: item.result === "valid" });
        }
      }
    }
    const path = join(here.server.folder, "codes.json");
    writeFileSync(path, JSON.stringify(cases));
    program("codes.py", "vectors", path);
  });
});
