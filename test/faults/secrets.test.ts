import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { KEYSTEAD, newFolder, startServer, type TestServer } from "../server.ts";
import { inspect } from "./inspected.ts";
import { ENVIRONMENT } from "../environment.ts";

/** A secret in every spelling somebody could have written it down in. */
function spellings(secret: Buffer): Buffer[] {
  const base64 = secret.toString("base64").replace(/=+$/, "");
  // Inside a longer base64 text a secret begins at any of three positions; the middle of it is the same.
  const shifted = [1, 2].map((by) =>
    Buffer.concat([Buffer.alloc(by), secret])
      .toString("base64")
      .slice(4, -8),
  );
  const text = [
    base64,
    secret.toString("base64url"),
    ...shifted,
    secret.toString("hex"),
    secret.toString("hex").toUpperCase(),
    JSON.stringify([...secret]).slice(1, -1),
  ];
  return [secret, ...text.filter((spelling) => spelling.length >= 16).map((spelling) => Buffer.from(spelling, "latin1"))];
}

function* filesOf(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) yield join(entry.parentPath, entry.name);
}

function text(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (reply) => {
      let said = "";
      reply
        .setEncoding("utf8")
        .on("data", (more: string) => (said += more))
        .on("end", () => resolve(said));
    }).on("error", reject);
  });
}

/** Runs the command line; what it prints. */
async function keystead(words: readonly string[], dataDir: string): Promise<string> {
  const child = spawn(process.execPath, [KEYSTEAD, ...words], {
    env: { ...ENVIRONMENT, HOME: dataDir, KEYSTEAD_DATA: dataDir },
    cwd: dataDir,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let complained = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (said += more));
  child.stderr.setEncoding("utf8").on("data", (more: string) => (complained += more));
  const status = await new Promise<number | null>((done) => child.once("close", done));
  assert.equal(status, 0, complained);
  return said.trim();
}

/** Uses every kind of secret there is. @returns them */
async function useAll(server: TestServer): Promise<Map<string, Buffer>> {
  const secrets = new Map<string, Buffer>();
  const ask = async (method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Record<string, string>> => {
    const reply = await server.rest(method, path, body, headers);
    assert.ok(reply.status < 300, `${path}: ${JSON.stringify(reply.body)}`);
    return reply.body as Record<string, string>;
  };
  const imported = { hmac: randomBytes(32), aes: randomBytes(32), seed: randomBytes(32) };
  const pkcs8 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "der", type: "pkcs8" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "der", type: "pkcs8" });
  secrets.set("imported HMAC key", imported.hmac).set("imported AES key", imported.aes).set("imported Ed25519 seed", imported.seed);
  secrets.set("imported P-256 scalar", pkcs8.subarray(36, 68)).set("imported RSA key", rsa.subarray(300, 700));
  const take = (key_id: string, algorithm: string, format: string, material: Buffer): Promise<unknown> =>
    ask("POST", "/api/v1/keys/import", { key_id, algorithm, format, key_material: material.toString("base64") });
  await take("hmac", "HMAC-SHA-256", "raw", imported.hmac);
  await take("aes", "AES-256-GCM", "raw", imported.aes);
  await take("ed", "Ed25519", "raw", imported.seed);
  await take("ec", "ECDSA-P256", "pkcs8", pkcs8);
  await take("rsa", "RSA-2048", "pkcs8", rsa);
  // Refused material must not turn up in a refusal's record either.
  const wrong = randomBytes(31);
  secrets.set("refused key material", wrong);
  assert.equal(
    (
      await server.rest("POST", "/api/v1/keys/import", {
        key_id: "wrong",
        algorithm: "AES-256-GCM",
        format: "raw",
        key_material: wrong.toString("base64"),
      })
    ).status,
    400,
  );

  const plaintext = randomBytes(48);
  const data = randomBytes(48);
  secrets.set("plaintext", plaintext).set("data that was signed", data);
  const sealed = await ask("POST", "/api/v1/keys/aes/encrypt", { plaintext: plaintext.toString("base64") });
  assert.equal(
    (await ask("POST", "/api/v1/keys/aes/decrypt", { ciphertext: sealed["ciphertext"], nonce: sealed["nonce"] }))["plaintext"],
    plaintext.toString("base64"),
  );
  const oaep = await ask("POST", "/api/v1/keys/rsa/encrypt", { plaintext: plaintext.toString("base64") });
  await ask("POST", "/api/v1/keys/rsa/decrypt", { ciphertext: oaep["ciphertext"] });
  await ask("POST", "/api/v1/keys/hmac/mac", { data: data.toString("base64") });
  for (const key of ["ed", "ec", "rsa"]) await ask("POST", `/api/v1/keys/${key}/sign`, { data: data.toString("base64") });
  await ask("POST", "/api/v1/batch", {
    items: [
      { encrypt: { key_id: "aes", plaintext: plaintext.toString("base64") } },
      { sign: { key_id: "ed", data: data.toString("base64") } },
    ],
  });
  await server.rest("POST", "/api/v1/keys/aes/decrypt", {
    ciphertext: data.toString("base64"),
    nonce: data.subarray(0, 12).toString("base64"),
  });
  const dataKey = await ask("POST", "/api/v1/keys/aes/data-key", {});
  secrets.set("data key", Buffer.from(dataKey["plaintext"] as string, "base64"));
  const random = await ask("POST", "/api/v1/random", { size_bytes: 48 });
  secrets.set("random bytes", Buffer.from((random["data"] ?? random["random"] ?? random["bytes"]) as string, "base64"));
  return secrets;
}

/** Looks everywhere the server writes. @returns what was found, and where */
async function leaks(server: TestServer, secrets: ReadonlyMap<string, Buffer>, kept: readonly string[]): Promise<string[]> {
  const audit = JSON.stringify((await server.rest("GET", "/api/v1/audit")).body);
  const metrics = await text(`http://${server.addresses["metrics"]}/metrics`);
  assert.match(metrics, /hsm_/);
  assert.ok(audit.includes("Encrypt"), audit.slice(0, 500));
  const places = new Map<string, Buffer>([
    ["the audit log as it is shown", Buffer.from(audit)],
    ["the metrics", Buffer.from(metrics)],
  ]);
  assert.equal(await server.stop(), 0);
  assert.ok(server.logs().some(({ message }) => message === "stopped"));
  places.set("the server's output", Buffer.from(server.said()));
  for (const path of filesOf(server.dataDir)) if (!kept.some((name) => path.endsWith(name))) places.set(path, readFileSync(path));
  assert.ok(
    [...places.keys()].some((path) => path.endsWith("keystead.db")) && [...places.keys()].some((path) => /audit\.\d{16}$/.test(path)),
  );
  return [...secrets].flatMap(([name, secret]) =>
    [...places]
      .filter(([, bytes]) => spellings(secret).some((spelling) => bytes.includes(spelling)))
      .map(([place]) => `${name} is in ${place}`),
  );
}

const search = async (t: TestContext, server: TestServer, more: ReadonlyMap<string, Buffer>, kept: readonly string[]): Promise<void> => {
  t.after(() => server.stop());
  const secrets = new Map([...more, ...(await useAll(server))]);
  assert.deepEqual(await leaks(server, secrets, kept), []);
};

test("the search finds what is there", () => {
  const secret = randomBytes(32);
  for (const wrapped of [
    secret,
    Buffer.from(secret.toString("base64")),
    Buffer.from(Buffer.concat([Buffer.from("x"), secret, Buffer.from("yz")]).toString("base64")),
    Buffer.from(secret.toString("hex")),
  ]) {
    assert.ok(
      spellings(secret).some((spelling) => Buffer.concat([Buffer.from("before"), wrapped, Buffer.from("after")]).includes(spelling)),
    );
  }
});

test("no secret is in a log line, the metrics, the audit log or the database: master key, imported keys, plaintexts, data keys, tokens", async (t) => {
  const dataDir = join(newFolder(), "data");
  const server = await startServer({ dataDir, flags: ["--log-level", "trace"] });
  const shown = readFileSync(join(dataDir, "unseal/master.key"), "utf8").trim();
  const master = Buffer.from(shown.replace(/^base64:/, ""), "base64");
  assert.equal(master.length, 32);
  const token = await keystead(
    [
      "token",
      "mint",
      "--subject",
      "tester",
      "--role",
      "Administrator",
      "--namespace",
      "*",
      "--key",
      join(dataDir, "credentials/token-key.pem"),
      "--issuer",
      "keystead-local",
      "--audience",
      "keystead",
    ],
    dataDir,
  );
  assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal((await server.rest("GET", "/api/v1/keys", undefined, { authorization: `Bearer ${token}` })).status, 200);
  const forged = `${token.slice(0, -8)}AAAAAAAA`;
  await server.rest("GET", "/api/v1/keys", undefined, { authorization: `Bearer ${forged}` });
  const secrets = new Map([
    ["master key", master],
    ["token", Buffer.from(token.split(".")[2] as string)],
    ["token's claims", Buffer.from(token.split(".")[1] as string)],
  ]);
  await search(t, server, secrets, ["unseal/master.key"]);
});

test("no passphrase is in a log line, the metrics, the audit log, the database or a process's environment", async (t) => {
  const passphrase = `Correct-${randomBytes(12).toString("hex")}-7`;
  const dataDir = join(newFolder(), "data");
  const server = await startServer({
    dataDir,
    flags: ["--log-level", "trace", "--passphrase", "env:TEST_PASSPHRASE"],
    env: { TEST_PASSPHRASE: passphrase },
  });
  const pids = server.pids();
  assert.doesNotMatch(readFileSync(`/proc/${pids.gateway}/environ`, "utf8"), new RegExp(passphrase));
  await search(t, server, new Map([["passphrase", Buffer.from(passphrase)]]), []);
  for (const [words, checked] of [
    [[], false],
    [["--passphrase", "env:TEST_PASSPHRASE"], true],
  ] as const) {
    const { status, macs_checked, problems } = await inspect("audit", dataDir, words, { TEST_PASSPHRASE: passphrase });
    assert.deepEqual({ status, macs_checked, problems }, { status: 0, macs_checked: checked, problems: [] });
  }
});
