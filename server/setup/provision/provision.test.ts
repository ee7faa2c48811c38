/** The files of the first start: what OpenSSL says of them, who may read them, and that a second start changes nothing. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { SignJWT, createLocalJWKSet, importPKCS8, jwtVerify } from "jose";
import type { EffectiveConfig } from "@keystead/contract/config";
import { VERSION } from "@keystead/contract/version";
import { loadConfig } from "../config/load.ts";
import { provision } from "./provision.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-provision-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const MAIN = join(import.meta.dirname, "../main.ts");

/** The effective configuration with its data in a folder of this name. */
function configured(name: string, preset = "development"): EffectiveConfig {
  const { config, mistakes } = loadConfig({ args: ["--preset", preset, "--data-dir", name], env: {}, cwd: folder });
  assert.deepEqual(mistakes, []);
  assert.ok(config !== undefined);
  return config;
}

/** Every file below, with bytes, mode and change time. */
function picture(path: string): Readonly<Record<string, string>> {
  const names = readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const stat = statSync(join(path, name));
      return [name, `${(stat.mode & 0o777).toString(8)} ${stat.mtimeMs} ${stat.isFile() ? readFileSync(join(path, name), "latin1") : ""}`];
    }),
  );
}

function openssl(...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync("openssl", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

const first = join(folder, "first");
const provisioned = await provision(configured("first"));

test("OpenSSL accepts the server's and the administrator's certificates, strictly and for their purpose only", () => {
  const verify = (file: string, ...args: readonly string[]) =>
    openssl("verify", "-x509_strict", "-CAfile", join(first, "credentials/ca.pem"), ...args, join(first, file));
  verify("tls/server.pem", "-purpose", "sslserver", "-verify_hostname", "localhost");
  verify("tls/server.pem", "-purpose", "sslserver", "-verify_ip", "127.0.0.1");
  verify("tls/server.pem", "-purpose", "sslserver", "-verify_ip", "::1");
  verify("credentials/admin.pem", "-purpose", "sslclient");
  assert.throws(() => verify("credentials/admin.pem", "-purpose", "sslserver"));
  assert.throws(() => verify("tls/server.pem", "-purpose", "sslclient"));
  assert.match(openssl("x509", "-noout", "-subject", "-in", join(first, "credentials/admin.pem")), /CN ?= ?admin/);
});

test("while a vault works in the folder, a second start leaves every file as it is; afterwards it may write again", async () => {
  const busy = configured("busy");
  await provision(busy);
  const lock = new DatabaseSync(join(folder, "busy/vault.lock"));
  lock.exec("PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE lock (held INTEGER); BEGIN EXCLUSIVE; INSERT INTO lock VALUES (1);");
  const profile = join(folder, "busy/credentials/profile.json");
  const before = readFileSync(profile, "utf8");
  const elsewhere = loadConfig({ args: ["--preset", "development", "--data-dir", "busy", "--api-port", "9999"], env: {}, cwd: folder });
  assert.ok(elsewhere.config !== undefined);
  await provision(elsewhere.config);
  assert.equal(readFileSync(profile, "utf8"), before);
  lock.close();
  await provision(elsewhere.config);
  assert.match(readFileSync(profile, "utf8"), /localhost:9999/);
});

test("the unseal secret is 32 bytes in text form base64:", () => {
  const text = readFileSync(join(first, "unseal/master.key"), "utf8");
  assert.match(text, /^base64:[A-Za-z0-9+/]{43}=\n$/);
  assert.equal(Buffer.from(text.slice(7), "base64").length, 32);
});

test("a token signed by the token key verifies by the key set with the configured issuer and audience", async () => {
  const profile = JSON.parse(readFileSync(join(first, "credentials/profile.json"), "utf8")) as Record<string, string>;
  const key = await importPKCS8(readFileSync(profile["tokenKey"] ?? "", "utf8"), "EdDSA");
  const set = JSON.parse(readFileSync(join(first, "auth/jwks.json"), "utf8")) as Parameters<typeof createLocalJWKSet>[0];
  const [expected] = provisioned.vault.auth.keySets;
  assert.deepEqual([profile["issuer"], profile["audience"]], [expected?.issuer, expected?.audience]);
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: "EdDSA", kid: set.keys[0]?.kid ?? "" })
    .setIssuer(profile["issuer"] ?? "")
    .setAudience(profile["audience"] ?? "")
    .sign(key);
  await jwtVerify(token, createLocalJWKSet(set), { issuer: expected?.issuer ?? "", audience: expected?.audience ?? "" });
  assert.ok(
    set.keys.every((member) => !("d" in member)),
    "the key set holds a private key",
  );
});

test("files are 0600 and folders 0700", () => {
  for (const [name, state] of Object.entries(picture(first)))
    assert.match(state, statSync(join(first, name)).isDirectory() ? /^700 / : /^600 /, name);
});

test("a second start changes nothing, not even a time, and leaves no temporary file", async () => {
  const before = picture(first);
  assert.deepEqual(await provision(configured("first")), provisioned);
  assert.deepEqual(picture(first), before);
  assert.ok(!Object.keys(before).some((name) => name.endsWith(".tmp")));
});

test("the notices name the endpoint, the credentials and the listeners without login", () => {
  const said = provisioned.notices.join("\n");
  assert.match(said, /https:\/\/localhost:8443/);
  assert.ok(said.includes(join(first, "credentials")));
  assert.match(said, /curl --cacert .* --cert .* --key /);
  assert.match(said, /WARNING: gRPC 127\.0\.0\.1:50051 and REST http:\/\/127\.0\.0\.1:8080 answer WITHOUT TLS AND WITHOUT LOGIN/);
});

/** Damages of the data folder that the next start heals, and files it must leave as they are. */
const DAMAGES: readonly (readonly [name: string, damage: (data: string) => void])[] = [
  [
    "a server key that does not fit its certificate",
    (data) =>
      writeFileSync(
        join(data, "tls/server-key.pem"),
        generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" }),
      ),
  ],
  [
    "a torn server certificate",
    (data) => writeFileSync(join(data, "tls/server.pem"), readFileSync(join(data, "tls/server.pem")).subarray(0, 100)),
  ],
  ["a missing administrator certificate", (data) => unlinkSync(join(data, "credentials/admin.pem"))],
  ["a missing authority certificate", (data) => unlinkSync(join(data, "tls/ca.pem"))],
  ["a missing key set", (data) => unlinkSync(join(data, "auth/jwks.json"))],
  ["a missing token key", (data) => unlinkSync(join(data, "credentials/token-key.pem"))],
];

for (const [name, damage] of DAMAGES) {
  test(`the next start heals ${name} and keeps the unseal secret and the authority's key`, async () => {
    const label = name.replaceAll(" ", "-");
    const data = join(folder, label);
    await provision(configured(label));
    const kept = ["unseal/master.key", "tls/ca-key.pem"].map((file) => readFileSync(join(data, file), "utf8"));
    damage(data);
    await provision(configured(label));
    assert.deepEqual(
      ["unseal/master.key", "tls/ca-key.pem"].map((file) => readFileSync(join(data, file), "utf8")),
      kept,
    );
    for (const file of ["tls/server", "credentials/admin"]) {
      const certificate = new X509Certificate(readFileSync(join(data, `${file}.pem`)));
      assert.ok(certificate.publicKey.equals(createPublicKey(readFileSync(join(data, `${file}-key.pem`), "utf8"))));
      openssl("verify", "-x509_strict", "-CAfile", join(data, "credentials/ca.pem"), join(data, `${file}.pem`));
    }
  });
}

test("a leaf with less than 30 days left is renewed and one with more is kept", async (context) => {
  const data = join(folder, "aging");
  await provision(configured("aging"));
  const serial = () => new X509Certificate(readFileSync(join(data, "tls/server.pem"))).serialNumber;
  const issued = serial();
  const now = Date.now();
  context.mock.timers.enable({ apis: ["Date"], now: now + 330 * 86_400_000 });
  await provision(configured("aging"));
  assert.equal(serial(), issued);
  context.mock.timers.setTime(now + 340 * 86_400_000);
  await provision(configured("aging"));
  assert.notEqual(serial(), issued);
});

test("a key that an operator added to the key set stays", async () => {
  await provision(configured("extended"));
  const path = join(folder, "extended/auth/jwks.json");
  const set = JSON.parse(readFileSync(path, "utf8")) as { keys: unknown[] };
  writeFileSync(path, JSON.stringify({ keys: [...set.keys, { kty: "oct", kid: "mine", k: "AA" }] }));
  unlinkSync(join(folder, "extended/credentials/token-key.pem"));
  await provision(configured("extended"));
  const kids = (JSON.parse(readFileSync(path, "utf8")) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  assert.equal(kids.length, 3);
  assert.ok(kids.includes("mine"));
});

test("a data folder that is a symbolic link is refused", async () => {
  symlinkSync(first, join(folder, "link"));
  await assert.rejects(provision(configured("link")), /symbolic link/);
});

test("the test preset is provisioned in the same way, without plaintext listeners", async () => {
  const config = await provision(configured("tests", "test"));
  openssl("verify", "-CAfile", join(folder, "tests/tls/ca.pem"), join(folder, "tests/tls/server.pem"));
  assert.deepEqual(
    [config.gateway.developmentGrpc, config.gateway.developmentRest, config.vault.auth.developmentPrincipal],
    [undefined, false, undefined],
  );
  assert.ok(!config.notices.some((line) => line.includes("WITHOUT")));
});

test("the process prints one JSON document on descriptor 3, or on standard output without it", () => {
  const run = (stdio: "pipe"[]) =>
    spawnSync(process.execPath, [MAIN, "--preset", "development", "--data-dir", first], { stdio, encoding: "utf8", env: {} });
  const withThree = run(["pipe", "pipe", "pipe", "pipe"]);
  assert.deepEqual([withThree.status, withThree.stdout, withThree.stderr], [0, "", ""]);
  // With what the vault keeps of it, all but what is only said, and what the launcher tells its parts.
  const { notices: _, ...recorded } = provisioned;
  const expected = JSON.parse(JSON.stringify({ ...provisioned, recorded: JSON.stringify(recorded), version: VERSION })) as unknown;
  assert.deepEqual(JSON.parse(String(withThree.output[3])), expected);
  assert.deepEqual(JSON.parse(run(["pipe", "pipe", "pipe"]).stdout), expected);
});

test("the process ends with 2 and says every mistake on standard error", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "--port", "x", "--host", "-"], {
    encoding: "utf8",
    env: {},
    cwd: folder,
  });
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /flag --port: server\.port: "x" is wrong/);
  assert.match(stderr, /flag --host: server\.host: "-" is wrong/);
});

test("--validate and --show write no file", () => {
  for (const flag of ["--validate", "--show"]) {
    const { status } = spawnSync(process.execPath, [MAIN, flag, "--preset", "development", "--data-dir", join(folder, "never")], {
      env: {},
    });
    assert.equal(status, 0);
    assert.throws(() => statSync(join(folder, "never")), { code: "ENOENT" });
  }
});
