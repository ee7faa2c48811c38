/**
 * The PKCS#11 module against a live server: OpenSC's pkcs11-tool, an application in Python that walks the functions, and
 * openssl as the judge of signatures.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { createUser } from "@keystead/contract/operations/create-user";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { login } from "@keystead/contract/operations/login";
import { setPassword } from "@keystead/contract/operations/set-password";
import { opensslAccepts } from "./openssl.ts";
import { applications } from "./pkcs11-applications.ts";
import { cargo, skipModule, unsupportedFunctions } from "./pkcs11-module.ts";
import { ROOT } from "./running-server.ts";
import { served } from "./served.ts";

const KEYS = {
  p256: "ECDSA-P256",
  p384: "ECDSA-P384",
  p521: "ECDSA-P521",
  k256: "ECDSA-secp256k1",
  rsa: "RSA-2048",
  ed25519: "Ed25519",
  ed448: "Ed448",
  aes: "AES-256-GCM",
} as const;
const DATA = Buffer.from("signed through PKCS#11");
const PIN = "a password of the application 1";

test("the module's own tests pass", { skip: skipModule }, () => cargo("test"));

test("the page of the module names exactly the functions that are not built", () => {
  const built = unsupportedFunctions();
  const page = readFileSync(join(ROOT, "docs/integrate/pkcs11.md"), "utf8").split("## Not built")[1] ?? "";
  assert.deepEqual([...page.matchAll(/`(C_\w+)`/g)].map(([, name]) => name).sort(), built.sort());
  assert.ok(built.length > 0);
});

describe("the module with a server", { skip: skipModule }, () => {
  const here = served();
  const publicKeys = new Map<string, string>();
  const { configured, tool: toolWith, scenario } = applications(here);
  const tool = (...args: readonly string[]): string => toolWith(configured("tool"), ...args);
  const application = (name: string, config: string, ...args: readonly string[]): void => scenario("application", name, config, ...args);

  before(async () => {
    for (const [keyId, algorithm] of Object.entries(KEYS)) {
      const reply = await here.given("gRPC", generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
      publicKeys.set(keyId, reply["public_key"] as string);
    }
  });

  test("pkcs11-tool lists the token, the mechanisms and both halves of every pair", () => {
    assert.match(tool("--list-slots"), /token label +: conformance\n/);
    assert.match(tool("--list-interfaces"), /version: 3\.2/);
    assert.match(tool("--list-mechanisms"), /ECDSA-SHA256, keySize=\{256,521\}, .*sign, verify/);
    const objects = tool("--list-objects");
    for (const name of Object.keys(KEYS))
      assert.equal(objects.split(`label:      ${name}\n`).length - 1, name === "aes" ? 1 : 2, `${name} in ${objects}`);
  });

  for (const [mechanism, name, digest, options] of [
    ["ECDSA", "p256", true, []],
    ["ECDSA-SHA256", "p256", false, []],
    ["ECDSA-SHA384", "p384", false, []],
    ["ECDSA-SHA512", "p521", false, []],
    ["SHA256-RSA-PKCS", "rsa", false, []],
    ["SHA256-RSA-PKCS-PSS", "rsa", false, ["rsa_padding_mode:pss", "rsa_pss_saltlen:32"]],
    ["RSA-PKCS-PSS", "rsa", true, ["rsa_padding_mode:pss", "rsa_pss_saltlen:32"]],
  ] as const) {
    test(`pkcs11-tool signs with ${mechanism}, and openssl verifies it`, () => {
      const [given, signed] = [join(here.server.folder, "given"), join(here.server.folder, "signed")];
      const hash = mechanism.includes("384") ? "sha384" : mechanism.includes("512") ? "sha512" : "sha256";
      const digested = createHash(hash).update(DATA).digest();
      writeFileSync(given, digest ? digested : DATA);
      const form = mechanism.startsWith("ECDSA") ? ["--signature-format", "openssl"] : [];
      const pss = mechanism === "RSA-PKCS-PSS" ? ["--salt-len", "32", "--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256"] : [];
      tool("--sign", "-m", mechanism, "--id", Buffer.from(name).toString("hex"), "-i", given, "-o", signed, ...form, ...pss);
      const words = [`digest:${hash}`, ...options].flatMap((option) => ["-pkeyopt", option]);
      const command = ["pkeyutl", "-verify", "-pubin", "-inkey", "{public}", "-in", "{digest}", "-sigfile", "{signature}", ...words];
      const files = { public: publicKeys.get(name) ?? "", digest: digested, signature: readFileSync(signed) };
      assert.ok(opensslAccepts(command, files));
      assert.ok(
        !opensslAccepts(command, { ...files, digest: Buffer.from(digested.with(0, (digested[0] ?? 0) ^ 1)) }),
        "openssl accepts anything",
      );
    });
  }

  test("every way to sign and verify keeps the rules of length, and refuses what was changed", () =>
    application("signatures", configured("a")));
  test("data in pieces is the data, and what is refused ends the operation", () => application("pieces", configured("a")));
  test("attributes are read by the rules of length, and no key material is", () => application("attributes", configured("a")));
  test("NULL, wrong handles and lengths that cannot be have their own answers", () => application("misuse", configured("a")));
  test("a child of a fork begins anew, and its parent goes on", () => application("fork", configured("a")));

  test("a server that cannot be reached is a device error in time", () =>
    application("unreachable", configured("away", { endpoint: "https://localhost:1", connect_timeout_ms: 300 })));

  test("a slot with a user has its private keys after C_Login with the user's password, and its work is recorded as the user's", async () => {
    const origin = { origin: here.server.api, ca: here.server.credential("ca.pem") };
    const first = Buffer.from("the first password 1");
    await here.given("gRPC", createUser, { name: "application", roles: ["Service"], namespaces: ["default"], password: first });
    const { tokens } = await here.given("gRPC", login, { name: "application", password: first }, origin);
    const own = { ...origin, token: (tokens as { access_token: string }).access_token };
    await here.given("gRPC", setPassword, { password: Buffer.from(PIN), currentPassword: first }, own);
    const slots = [{ namespace: "default", user: "application" }];
    application("login", configured("login", { slots }), PIN);
    // Without a certificate nobody asks before the login, and there is nothing to see.
    application("login", configured("login", { slots, cert: undefined, key: undefined }), PIN);
    const { events } = await here.given("gRPC", getAuditLog, { action: "Sign", pageSize: 100 });
    const users = (events as readonly { principal: string }[]).map(({ principal }) => principal);
    assert.ok(
      users.some((principal) => principal.includes("application")),
      JSON.stringify(users),
    );
  });
});
