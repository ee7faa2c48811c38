/** Keys that cannot: without the usage, of another algorithm, destroyed, or asked in a way they do not have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Algorithm, Digest, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { SURFACES, ask } from "../surfaces.ts";
import { assertRefusal } from "./refusal.ts";
import { refusingVault } from "./refusing-vault.ts";
import { ABOUT_A_KEY, row } from "./requests.ts";

const vault = refusingVault();
const { given, mustBeLogged, numbered, refused, valid } = vault;

/** What a key must not allow for an operation to be forbidden, and a key of an algorithm that cannot do it at all. */
const CANNOT: Readonly<Record<string, { algorithm: Algorithm; usage: Usage[] }>> = {
  Sign: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  SignDigest: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  SignRaw: { algorithm: Algorithm.Rsa2048, usage: [Usage.VERIFY] },
  GenerateCsr: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  GenerateCertificate: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  Verify: { algorithm: Algorithm.EcdsaP256, usage: [Usage.SIGN] },
  Encrypt: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.DECRYPT] },
  Decrypt: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.ENCRYPT] },
  GenerateMac: { algorithm: Algorithm.HmacSha256, usage: [Usage.VERIFY_MAC] },
  VerifyMac: { algorithm: Algorithm.HmacSha256, usage: [Usage.MAC] },
  GenerateDataKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.ENCRYPT, Usage.DECRYPT] },
  WrapKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.UNWRAP] },
  UnwrapKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.WRAP] },
  RewrapData: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.ENCRYPT] },
  Encapsulate: { algorithm: Algorithm.MlKem512, usage: [Usage.DECAPSULATE] },
  Decapsulate: { algorithm: Algorithm.MlKem512, usage: [Usage.ENCAPSULATE] },
  AgreeKey: { algorithm: Algorithm.X25519, usage: [Usage.ENCAPSULATE] },
  HpkeSeal: { algorithm: Algorithm.X25519, usage: [Usage.DECAPSULATE, Usage.DERIVE] },
  HpkeOpen: { algorithm: Algorithm.X25519, usage: [Usage.ENCAPSULATE, Usage.DERIVE] },
  DeriveKey: { algorithm: Algorithm.X25519, usage: [Usage.DECAPSULATE] },
};

// Whether a key may leave is its policy, not a usage: test/conformance/moving-keys.test.ts.
for (const operation of OPERATIONS.filter(({ usage }) => usage !== undefined && usage !== "export" && usage !== "copy")) {
  test(`${operation.name}: a key without the usage, or of an algorithm that cannot, is refused on every surface`, async () => {
    const cannot = CANNOT[operation.name];
    assert.ok(cannot !== undefined, "an operation with a usage needs a row in this test");
    const keyId = `without-${operation.name}`;
    await given("GenerateKey", { keyId, ...cannot });
    const other = operation.name.includes("Mac") ? "signer" : "mac";
    for (const surface of SURFACES) {
      await refused(surface, vault.admin, operation, { ...valid(operation), keyId }, "KEY_USAGE_FORBIDS", "wrong usage");
      await refused(surface, vault.admin, operation, { ...valid(operation), keyId: other }, "KEY_USAGE_FORBIDS", "wrong kind of key");
    }
  });
}

test("usages that the algorithm cannot have are refused when a key is made", async () => {
  for (const surface of SURFACES) {
    for (const [algorithm, usage] of [
      [Algorithm.Ed25519, Usage.ENCRYPT],
      [Algorithm.Aes256Gcm, Usage.SIGN],
      [Algorithm.HmacSha256, Usage.WRAP_DATA_KEY],
      [Algorithm.Aes256Cbc, Usage.WRAP_DATA_KEY],
    ] as const) {
      const { door, id } = numbered(vault.admin);
      assertRefusal(
        await ask(surface, door, row("GenerateKey"), { algorithm, usage: [usage] } as never),
        surface,
        ["INVALID_REQUEST", "KEY_USAGE_FORBIDS", "MECHANISM_NOT_SUPPORTED"],
        "impossible usage",
        id,
      );
    }
  }
});

test("a destroyed key is refused by everything that would use or change it, and one that never was is not found", async () => {
  for (const [keyId, algorithm] of [
    ["gone-signer", Algorithm.Ed25519],
    ["gone-cipher", Algorithm.Aes256Gcm],
    ["gone-mac", Algorithm.HmacSha256],
    ["gone-kem", Algorithm.MlKem512],
    ["gone-agree", Algorithm.X25519],
    ["gone-secret", Algorithm.GenericSecret],
    ["gone-wrapper", Algorithm.Aes256Kwp],
  ] as const) {
    await given("GenerateKey", { keyId, algorithm });
    await given("DeleteKey", { keyId });
  }
  for (const operation of ABOUT_A_KEY) {
    for (const surface of SURFACES) {
      await refused(surface, vault.admin, operation, { ...valid(operation), keyId: "never-was" }, "OBJECT_NOT_FOUND", "no such key");
      if (["GetKey", "ListVersions", "ListGrants", "RevokeGrant"].includes(operation.name)) continue;
      const request = valid(operation);
      const keyId = `gone-${["cipher", "mac", "kem", "agree", "secret", "wrapper"].includes(String(request["keyId"])) ? String(request["keyId"]) : "signer"}`;
      await refused(surface, vault.admin, operation, { ...request, keyId }, "KEY_STATE_FORBIDS", "a destroyed key");
    }
  }
});

test("mechanism parameters that do not fit the key are refused, on every surface", async () => {
  await given("GenerateKey", { keyId: "p256", algorithm: Algorithm.EcdsaP256 });
  const cases: [string, object][] = [
    ["Sign", { keyId: "signer", digest: Digest.Sha256 }],
    ["Sign", { keyId: "signer", format: 1 }],
    ["Sign", { keyId: "signer", scheme: 2 }],
    ["Sign", { keyId: "p256", digest: Digest.Blake3 }],
    ["Sign", { keyId: "p256", scheme: 1 }],
    ["Encrypt", { keyId: "cipher", scheme: 1 }],
    ["Encrypt", { keyId: "cipher", digest: Digest.Sha256 }],
  ];
  for (const [name, request] of cases) {
    for (const surface of SURFACES) {
      const { door, id } = numbered(vault.admin);
      const answer = await ask(surface, door, row(name), request as never);
      assertRefusal(answer, surface, ["MECHANISM_PARAM_INVALID", "MECHANISM_NOT_SUPPORTED"], `${name} ${JSON.stringify(request)}`, id);
      mustBeLogged(id, name, answer.code ?? "");
    }
  }
});

vault.closeAccount(500);
