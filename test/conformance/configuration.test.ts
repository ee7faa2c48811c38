/**
 * What configuration does to a running server: each shipped file starts and answers, and each key that has an effect
 * from outside is changed and its effect observed. What a key does to the effective configuration alone is tested in
 * server/setup/config/keys.test.ts, which refuses a key without a row.
 *
 * Long, because it is one list: a key, and what is seen of it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, newFolder, serve, type RunningServer, type ServeOptions } from "./running-server.ts";
import { hangUp, http, overRest, type Answer, type Door } from "./surfaces.ts";
import { LOCAL, asJwk, claimsOf, forged, issue, mint, type ClientCertificate } from "./tokens.ts";
import { sign } from "node:crypto";

after(hangUp);

const portOf = (address: string | undefined): number => Number(String(address).split(":").at(-1));

/** The administrator's door, by certificate; of another server's making when it is named. */
const adminOf = (server: RunningServer, { credential }: Pick<RunningServer, "credential"> = server): Door => ({
  origin: server.api,
  ca: credential("ca.pem"),
  cert: credential("admin.pem"),
  key: credential("admin-key.pem"),
});

const post = (door: Door, path: string, body: object = {}): Promise<Answer> => overRest(door, "POST", path, JSON.stringify(body));
const get = (door: Door, path: string): Promise<Answer> => overRest(door, "GET", path);

/** A server for one test, ended with it. */
async function serving(context: TestContext, options: ServeOptions = {}): Promise<RunningServer> {
  const server = await serve({ ...options, config: options.config ?? {} });
  context.after(async () => {
    hangUp();
    assert.equal(await server.stop(), 0);
  });
  return server;
}

/** What development made on its first start, kept after its server ended. */
let made: Promise<{ readonly data: string; credential(name: string): string }> | undefined;
after(async () => {
  if (made !== undefined) rmSync(join((await made).data, ".."), { recursive: true, force: true });
});
function developmentMade(): NonNullable<typeof made> {
  made ??= (async () => {
    const folder = newFolder();
    const { data, credential, stop } = await serve({ folder });
    assert.equal(await stop(), 0);
    return { data, credential };
  })();
  return made;
}

/** A local authority with a server and an administrator's certificate, as development makes them, for presets that make none. */
function copied(from: Awaited<ReturnType<typeof developmentMade>>): { folder: string; args: string[] } {
  const folder = newFolder();
  cpSync(join(from.data, "tls"), join(folder, "tls"), { recursive: true });
  mkdirSync(join(folder, "unseal"));
  writeFileSync(join(folder, "unseal/master.key"), `hex:${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
  return {
    folder,
    args: [
      "--tls-cert",
      join(folder, "tls/server.pem"),
      "--tls-key",
      join(folder, "tls/server-key.pem"),
      "--tls-ca",
      join(folder, "tls/ca.pem"),
      "--master-key",
      `file:${join(folder, "unseal/master.key")}`,
    ],
  };
}

async function metricsOf(server: RunningServer): Promise<string> {
  return (await http({ origin: `http://${server.addresses["metrics"]}` }, "GET", "/metrics")).body.toString();
}

/** Repeats a question until the answer fits: for effects that come with a timer of the server's. */
async function eventually<T>(question: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const answer = await question();
    if (fits(answer)) return answer;
    assert.ok(Date.now() < deadline, `no such answer came: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

// ---- the shipped files ----

for (const preset of ["development", "test"] as const) {
  test(`config/${preset}.yaml starts and answers, over REST and on health and metrics`, async (context) => {
    const server = await serve({ preset: "none", args: ["--config", join(ROOT, "config", `${preset}.yaml`)] });
    context.after(async () => assert.equal(await server.stop(), 0));
    const { reply } = await get(adminOf(server), "/api/v1/status");
    assert.deepEqual([reply["phase"], reply["preset"], reply["store"]], ["open", preset, preset === "test" ? "memory" : "sqlite"]);
    assert.equal((await post(adminOf(server), "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
    assert.ok((await post(adminOf(server), "/api/v1/keys/k/sign", { data: "aGVsbG8=" })).ok);
    assert.equal((await http({ origin: `http://${server.addresses["health"]}` }, "GET", "/health/ready")).status, 200);
    assert.match(await metricsOf(server), /hsm_operations_total\{operation="sign",namespace="default",result="success"\} 1/);
    assert.equal(server.addresses["developmentGrpc"] !== undefined, preset === "development");
  });
}

test("config/production.yaml starts with certificates and a master key, demands client certificates, and its plain port answers health alone", async (context) => {
  const development = await developmentMade();
  const { folder, args } = copied(development);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const bindings = JSON.stringify([{ common_name: "admin", principal: "admin", roles: ["Administrator"], namespaces: ["*"] }]);
  const server = await serve({
    preset: "none",
    folder,
    args: [
      "--config",
      join(ROOT, "config/production.yaml"),
      ...args,
      "--set",
      `security.audit_log_path=${join(folder, "audit/audit.log")}`,
      "--set",
      `logging.file_path=${join(folder, "log/hsm.log")}`,
      "--set",
      `auth.certificates=${bindings}`,
    ],
  });
  context.after(async () => assert.equal(await server.stop(), 0));
  const admin = adminOf(server, development);
  assert.equal((await get(admin, "/api/v1/status")).reply["preset"], "production");
  assert.equal((await post(admin, "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
  assert.deepEqual(Object.keys(server.addresses).sort(), ["api", "grpc", "health", "metrics"]);
  for (const port of ["api", "grpc"])
    assert.equal(await handshake(portOf(server.addresses[port]), { ca: admin.ca ?? "" }), "refused", `${port} without a certificate`);
  const plain: Door = { origin: `http://${server.addresses["health"]}` };
  for (const path of ["/health/live", "/health/ready", "/health/startup", "/healthz"])
    assert.equal((await http(plain, "GET", path)).status, 200, path);
  for (const path of [
    "/api/v1/keys",
    "/api/v1/status",
    "/generate_key",
    "/openapi.json",
    "/docs",
    "/metrics",
    "/",
    "/hsm.HsmService/GetStatus",
  ]) {
    assert.equal((await http(plain, "GET", path)).status, 404, path);
    assert.equal((await http(plain, "POST", path, { "content-type": "application/json" }, "{}")).status, 404, path);
  }
  const described = JSON.parse((await http(plain, "GET", "/health/ready")).body.toString()) as object;
  assert.deepEqual(described, { status: "ok" }, "without a credential only the verdict is told");
  assert.ok(readFileSync(join(folder, "log/hsm.log"), "utf8").includes("unsealed"), "logging.output both");
  assert.ok(
    readdirSync(join(folder, "audit")).some((name) => name.startsWith("audit.log.")),
    "security.audit_log_path",
  );
});

/** Whether a TLS handshake and a first request get an answer. */
function handshake(port: number, { ca, cert, key }: { ca: string; cert?: string; key?: string }): Promise<"answered" | "refused"> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", ca, cert, key, ALPNProtocols: ["http/1.1"] });
    socket.on("secureConnect", () => socket.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    socket.on("data", () => {
      resolve("answered");
      socket.destroy();
    });
    socket.on("error", () => resolve("refused")).on("close", () => resolve("refused"));
  });
}

// ---- limits, listeners ----

test("server.body_bytes, server.client_auth, crypto.rsa_pkcs1_decryption, metrics.*, namespaces.*, development.principal, security.* and storage.* have their effect together", async (context) => {
  const server = await serving(context, {
    config: {
      server: { body_bytes: 4096, client_auth: "optional" },
      crypto: { rsa_pkcs1_decryption: true },
      metrics: { histogram_buckets: [0.5, 2] },
      development: { principal: "somebody" },
      storage: { wal_enabled: false, sync_mode: "normal" },
      security: { audit_sync_mode: "none", audit_log_path: "{data_dir}/elsewhere/log" },
      namespaces: {
        small: { description: "About", max_keys: 2 },
        closed: { access_control: { denied_ips: ["127.0.0.0/8", "::1"] } },
        far: { access_control: { allowed_ips: ["10.0.0.0/8"] } },
        near: { access_control: { allowed_ips: ["127.0.0.0/8", "::1"], denied_ips: ["10.0.0.0/8"] } },
      },
    },
  });
  const admin = adminOf(server);
  const plain: Door = { origin: `http://${server.addresses["health"]}` };

  assert.equal(await handshake(portOf(server.addresses["api"]), { ca: server.credential("ca.pem") }), "answered");

  assert.equal((await post(admin, "/api/v1/hash", { algorithm: "SHA-256", data: Buffer.alloc(2900).toString("base64") })).status, 200);
  assert.deepEqual(
    [(await post(admin, "/api/v1/hash", { algorithm: "SHA-256", data: Buffer.alloc(3100).toString("base64") })).code],
    ["REQUEST_TOO_LARGE"],
  );

  assert.equal((await post(admin, "/api/v1/keys", { key_id: "rsa", algorithm: "RSA-2048" })).status, 201);
  const { reply } = await post(admin, "/api/v1/keys/rsa/encrypt", { plaintext: "aGk=", scheme: "pkcs1" });
  assert.equal(
    (await post(admin, "/api/v1/keys/rsa/decrypt", { ciphertext: reply["ciphertext"], scheme: "pkcs1" })).reply["plaintext"],
    "aGk=",
  );

  const metrics = await metricsOf(server);
  assert.deepEqual(
    [...new Set([...metrics.matchAll(/hsm_operation_duration_seconds_bucket\{.*le="([^"]+)"/g)].map(([, bound]) => bound))],
    ["0.5", "2", "+Inf"],
  );

  assert.deepEqual((await post(plain, "/api/v1/random", { size_bytes: 4 })).status, 200);
  const { reply: log } = await get(admin, "/api/v1/audit?action=GenerateRandom");
  assert.equal(log["events"][0].principal, "somebody");

  const space = (name: string, id: string): Promise<Answer> =>
    post(admin, `/api/v1/namespaces/${name}/keys`, { key_id: id, algorithm: "Ed25519" });
  assert.deepEqual(
    [(await space("small", "a")).status, (await space("small", "b")).status, (await space("small", "c")).code],
    [201, 201, "QUOTA_EXCEEDED"],
  );
  assert.deepEqual(
    [(await space("closed", "a")).code, (await space("far", "a")).code, (await space("near", "a")).status],
    ["PERMISSION_DENIED", "PERMISSION_DENIED", 201],
  );
  const { reply: namespaces } = await get(admin, "/api/v1/namespaces");
  const small = namespaces["namespaces"].find(({ namespace }: { namespace: string }) => namespace === "small");
  assert.deepEqual([small.description, small.max_keys], ["About", 2]);

  assert.equal((await get(admin, "/api/v1/status")).reply["audit_sync_mode"], "none");
  assert.ok(
    readdirSync(join(server.data, "elsewhere")).some((name) => name.startsWith("log.")),
    "security.audit_log_path",
  );
  assert.deepEqual(
    readdirSync(server.data).filter((name) => name === "keystead.db-wal"),
    [],
    "storage.wal_enabled",
  );
});

test("without those settings: a write-ahead log, PKCS#1 v1.5 refused, histograms as shipped; metrics.enable_histograms takes them away", async (context) => {
  const server = await serving(context, { config: { metrics: { enable_histograms: false }, storage: { cache_size_bytes: 0 } } });
  const admin = adminOf(server);
  assert.ok(existsSync(join(server.data, "keystead.db-wal")));
  await useInTurn(admin);
  const metrics = await metricsOf(server);
  assert.match(metrics, /hsm_operation_duration_seconds\{operation="sign",quantile="0.99"\}/);
  assert.doesNotMatch(metrics, /_bucket/);
  assert.match(metrics, /^hsm_key_cache_misses_total (2\d|[3-9]\d)$/m, "storage.cache_size_bytes: 0 keeps hardly any key open");
});

/** More keys than the smallest cache holds, each used after all others were. */
async function useInTurn(door: Door): Promise<void> {
  const ids = Array.from({ length: 24 }, (_, at) => `k${at}`);
  for (const id of ids) assert.equal((await post(door, "/api/v1/keys", { key_id: id, algorithm: "Ed25519" })).status, 201);
  for (const id of ids) assert.ok((await post(door, `/api/v1/keys/${id}/sign`, { data: "" })).ok);
}

test("with a cache of its usual size every key that is used again is found open", async (context) => {
  const server = await serving(context, { preset: "test" });
  await useInTurn(adminOf(server));
  assert.match(await metricsOf(server), /^hsm_key_cache_misses_total 0$/m);
});

for (const [names, left] of [
  [
    ["server.api_enabled", "server.health_enabled"],
    ["grpc", "metrics"],
  ],
  [
    ["server.grpc_enabled", "metrics.enabled"],
    ["api", "health"],
  ],
] as const) {
  test(`${names.join(" and ")}: false leave those listeners out, and the others answer`, async (context) => {
    const server = await serving(context, { preset: "test", args: names.flatMap((name) => ["--set", `${name}=false`]) });
    assert.deepEqual(Object.keys(server.addresses).sort(), left);
    const origin = `https://localhost:${portOf(server.addresses[left[0]])}`;
    assert.equal((await get({ ...adminOf(server), origin }, "/api/v1/status")).status, 200);
    const plain: Door = { origin: `http://${server.addresses[left[1]]}` };
    assert.equal((await http(plain, "GET", left[1] === "metrics" ? "/metrics" : "/health/live")).status, 200);
  });
}

test("server.tls_enabled: false leaves both TLS listeners out", async (context) => {
  const server = await serving(context, { preset: "test", args: ["--set", "server.tls_enabled=false"] });
  assert.deepEqual(Object.keys(server.addresses).sort(), ["health", "metrics"]);
});

test("server.host, server.health_host and metrics.listen_addr say where each listener listens, and nowhere else", async (context) => {
  const chosen = { api: "127.0.0.2", grpc: "127.0.0.2", health: "127.0.0.3", metrics: "127.0.0.4" } as const;
  const server = await serving(context, {
    preset: "test",
    config: { server: { host: chosen.api, health_host: chosen.health }, metrics: { listen_addr: chosen.metrics } },
  });
  const connected = (host: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectPlain(port, host, () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
  for (const [listener, host] of Object.entries(chosen)) {
    const port = portOf(server.addresses[listener]);
    assert.equal(server.addresses[listener], `${host}:${port}`);
    assert.equal(await connected(host, port), true, listener);
    assert.equal(await connected("127.0.0.9", port), false, listener);
  }
});

test("client certificates are required, optional or not asked for, per listener", async (context) => {
  const server = await serving(context, {
    config: { server: { api_client_auth: "required", grpc_client_auth: "none" }, development: { plaintext: false } },
  });
  const { ca = "", cert = "", key = "" } = adminOf(server);
  const [api, grpc] = [portOf(server.addresses["api"]), portOf(server.addresses["grpc"])];
  assert.deepEqual(
    [await handshake(api, { ca }), await handshake(api, { ca, cert, key }), await handshake(grpc, { ca })],
    ["refused", "answered", "answered"],
  );
  // A certificate that is not asked for is nobody's.
  const origin = `https://localhost:${grpc}`;
  assert.equal((await get({ origin, ca, cert, key }, "/api/v1/status")).status, 401);
  assert.equal((await get({ origin, ca, token: await mint(server.credential("token-key.pem")) }, "/api/v1/status")).status, 200);
});

test("server.max_connections closes what is beyond it", async (context) => {
  const server = await serving(context, { config: { server: { max_connections: 3 } } });
  const port = portOf(server.addresses["health"]);
  const sockets: Socket[] = [];
  context.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const open = (): Promise<"open" | "closed"> =>
    new Promise((resolve) => {
      const socket = connectPlain(port, "127.0.0.1", () => socket.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"));
      sockets.push(socket);
      socket
        .once("data", () => resolve("open"))
        .on("error", () => resolve("closed"))
        .on("close", () => resolve("closed"));
    });
  for (let at = 0; at < 3; at += 1) assert.equal(await open(), "open");
  assert.equal(await open(), "closed");
});

test("server.timeout_seconds ends a request that takes longer, and server.max_in_flight refuses one too many", async (context) => {
  const slow = await serving(context, { config: { server: { timeout_seconds: "20ms" }, crypto: { pool_jobs: 1 } } });
  const codes = await Promise.all(
    Array.from({ length: 6 }, () => post(adminOf(slow), "/api/v1/keys", { algorithm: "RSA-4096" }).then(({ code }) => code)),
  );
  assert.ok(codes.includes("DEADLINE_EXCEEDED"), codes.join());

  const narrow = await serving(context, { config: { server: { max_in_flight: 2 } } });
  const answers = await Promise.all(Array.from({ length: 12 }, () => post(adminOf(narrow), "/api/v1/keys", { algorithm: "RSA-3072" })));
  assert.ok(answers.some(({ status }) => status === 201));
  assert.ok(
    answers.some(({ status, code }) => status === 503 && code === "PROVIDER_UNAVAILABLE"),
    answers.map(({ status }) => status).join(),
  );
});

// ---- who is who ----

test("auth.certificates binds by common name, fingerprint and SAN, to principal, roles and namespaces", async (context) => {
  const development = await developmentMade();
  const { folder, args } = copied(development);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const authority = { cert: development.credential("ca.pem"), key: readFileSync(join(development.data, "tls/ca-key.pem"), "utf8") };
  const byName = issue("/CN=reader", authority);
  const byPrint = issue("/CN=whatever", authority);
  const unbound = issue("/CN=nobody", authority);
  const fingerprint = new X509Certificate(byPrint.cert).fingerprint256;
  const server = await serve({
    preset: "test",
    folder,
    args,
    config: {
      auth: {
        certificates: [
          { common_name: "reader", principal: "the-reader", roles: ["Auditor"], namespaces: ["default"] },
          { fingerprint_sha256: fingerprint, principal: "the-printed", roles: ["Administrator"], namespaces: ["*"] },
        ],
      },
    },
  });
  context.after(async () => assert.equal(await server.stop(), 0));
  const as = ({ cert, key }: ClientCertificate): Door => ({ origin: server.api, ca: authority.cert, cert, key });
  assert.equal((await post(as(byName), "/api/v1/keys", { algorithm: "Ed25519" })).code, "PERMISSION_DENIED");
  assert.equal((await get(as(byName), "/api/v1/keys")).status, 200);
  assert.equal((await post(as(byPrint), "/api/v1/keys", { algorithm: "Ed25519" })).status, 201);
  assert.equal((await get(as(unbound), "/api/v1/keys")).code, "UNAUTHENTICATED");
  const { reply } = await get(as(byPrint), "/api/v1/audit?action=GenerateKey");
  assert.deepEqual(
    reply["events"].map(({ principal }: { principal: string }) => principal),
    ["cert:the-reader", "cert:the-printed"],
  );
});

test("auth.jwt: issuer, audience, leeway, allowed roles and namespaces of a key set; a changed set counts without a restart", async (context) => {
  const folder = newFolder();
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const [first, second] = [generateKeyPairSync("ed25519").privateKey, generateKeyPairSync("ed25519").privateKey];
  const path = join(folder, "jwks.json");
  const keys = (...members: object[]): void => writeFileSync(path, JSON.stringify({ keys: members }), { mode: 0o644 });
  keys(asJwk(first));
  const server = await serving(context, {
    config: {
      auth: {
        jwt: {
          reload_seconds: "100ms",
          key_sets: [{ path, issuer: "ci", audience: "hsm", leeway_seconds: 0, allowed_roles: ["KeyUser"], namespaces: ["default"] }],
        },
      },
    },
  });
  const token = (key: typeof first, changed: object = {}): string =>
    forged({ alg: "EdDSA", typ: "JWT" }, claimsOf({ iss: "ci", aud: "hsm", roles: ["Administrator", "KeyUser"], ...changed }), (signed) =>
      sign(null, signed, key),
    );
  const door = (bearer: string): Door => ({ origin: server.api, ca: server.credential("ca.pem"), token: bearer });
  assert.equal((await get(door(token(first)), "/api/v1/keys")).status, 200);
  assert.equal(
    (await post(door(token(first)), "/api/v1/keys", { algorithm: "Ed25519" })).code,
    "PERMISSION_DENIED",
    "Administrator is not an allowed role",
  );
  assert.equal((await get(door(token(first)), "/api/v1/namespaces/other/keys")).code, "PERMISSION_DENIED", "namespaces");
  assert.equal((await get(door(token(first, { iss: LOCAL.issuer })), "/api/v1/keys")).code, "UNAUTHENTICATED", "issuer");
  assert.equal((await get(door(token(first, { aud: LOCAL.audience })), "/api/v1/keys")).code, "UNAUTHENTICATED", "audience");
  const now = Math.floor(Date.now() / 1000);
  assert.equal((await get(door(token(first, { exp: now - 5 })), "/api/v1/keys")).code, "UNAUTHENTICATED", "leeway_seconds");
  assert.equal((await get(door(token(second)), "/api/v1/keys")).code, "UNAUTHENTICATED");

  const old = token(first);
  assert.equal((await get(door(old), "/api/v1/keys")).status, 200);
  keys(asJwk(second));
  await server.record(({ message }) => message === "token key sets reloaded");
  assert.equal((await get(door(token(second)), "/api/v1/keys")).status, 200, "the new key");
  assert.equal((await get(door(old), "/api/v1/keys")).code, "UNAUTHENTICATED", "a remembered token of a removed key");
  writeFileSync(path, "{ broken");
  await server.record(({ message }) => message.startsWith("token key sets could not be reloaded"));
  assert.equal((await get(door(token(second)), "/api/v1/keys")).status, 200, "a broken file changes nothing");
});

test("server.tls_reload_seconds: a new server certificate is shown without a restart, a broken one is not", async (context) => {
  const server = await serving(context, { config: { server: { tls_reload_seconds: "100ms" } } });
  const { ca = "" } = adminOf(server);
  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: "127.0.0.1", port: portOf(server.addresses["api"]), servername: "localhost", ca }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
        socket.destroy();
      }).on("error", reject);
    });
  const before = await shown();
  const certPath = join(server.data, "tls/server.pem");
  const keyPath = join(server.data, "tls/server-key.pem");
  const broken = readFileSync(certPath, "utf8");
  const fresh = issueServer(server);
  writeFileSync(certPath, "not a certificate");
  await server.record(({ message }) => message.startsWith("TLS files could not be reloaded"));
  assert.equal(await shown(), before);
  assert.ok(broken !== fresh.cert);
  writeFileSync(keyPath, fresh.key);
  writeFileSync(certPath, fresh.cert);
  const later = await eventually(shown, (serial) => serial !== before);
  assert.equal(later, new X509Certificate(fresh.cert).serialNumber);
});

function issueServer(server: RunningServer): ClientCertificate {
  return issue(
    "/CN=localhost",
    { cert: server.credential("ca.pem"), key: readFileSync(join(server.data, "tls/ca-key.pem"), "utf8") },
    { purpose: "serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1" },
  );
}

// ---- logging ----

/** Runs a server whose log this test reads its own way, until it says that the vault is ready. */
async function loggedRun(folder: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { spawn } = await import("node:child_process");
  const child = spawn(
    process.execPath,
    [
      join(ROOT, "keystead.cjs"),
      "server",
      "--preset",
      "development",
      "--data-dir",
      join(folder, "data"),
      "--port",
      "0",
      "--api-port",
      "0",
      "--health-port",
      "0",
      "--metrics-port",
      "0",
      ...args,
    ],
    { cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
  );
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  const ended = new Promise<number | null>((done) => child.once("close", done));
  // The notices come on standard error once everything is ready, wherever the log goes.
  const ready = new Promise<void>((done) =>
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (stderr.includes("WITHOUT LOGIN")) done();
    }),
  );
  await Promise.race([ready, ended]);
  child.kill("SIGTERM");
  assert.equal(await ended, 0, stdout + stderr);
  return { stdout, stderr };
}

test("logging.format, output, file_path, level and rotation: pretty for people, files that turn over, and nothing below the level", async (context) => {
  const folder = newFolder();
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const pretty = await loggedRun(folder, "--log-format", "pretty");
  assert.match(pretty.stdout, /^\d\d:\d\d:\d\d\.\d{3} INFO +vault +unsealed/m);

  const file = join(folder, "log/own.log");
  const rotating = [
    "--log-format",
    "json",
    "--set",
    "logging.output=file",
    "--set",
    `logging.file_path=${file}`,
    "--set",
    "logging.max_file_size_bytes=4096",
    "--set",
    "logging.max_backup_files=2",
  ];
  assert.equal((await loggedRun(folder, ...rotating)).stdout, "", "output: file says nothing on the console");
  assert.match(readFileSync(file, "utf8"), /"message":"unsealed"/);
  assert.equal(statSync(file).mode & 0o007, 0, "others cannot read the log");
  const full = `${"-".repeat(4095)}\n`;
  for (const [name, text] of [
    [file, full],
    [`${file}.1`, "the one before\n"],
    [`${file}.2`, "the oldest\n"],
  ] as const)
    writeFileSync(name, text);
  await loggedRun(folder, ...rotating);
  assert.deepEqual(readdirSync(join(folder, "log")).sort(), ["own.log", "own.log.1", "own.log.2"], "max_backup_files");
  assert.deepEqual([readFileSync(`${file}.1`, "utf8"), readFileSync(`${file}.2`, "utf8")], [full, "the one before\n"]);
  assert.match(readFileSync(file, "utf8"), /"message":"unsealed"/);
  assert.ok(statSync(file).size <= 4096);

  const both = await loggedRun(
    folder,
    "--log-format",
    "json",
    "--set",
    "logging.output=both",
    "--set",
    `logging.file_path=${join(folder, "log/both.log")}`,
  );
  for (const line of both.stdout.trim().split("\n")) assert.ok(typeof (JSON.parse(line) as { message: string }).message === "string");
  assert.ok(both.stdout.includes("unsealed") && readFileSync(join(folder, "log/both.log"), "utf8").includes("unsealed"));
  const quiet = await loggedRun(folder, "--log-level", "error");
  assert.equal(quiet.stdout, "", "nothing below the level, of any process");
});

// ---- opening ----

/** Starts in `folder` and says in which phase. The folder stays. */
async function phaseOf(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const server = await serve({ folder, args, env });
  try {
    const { reply } = await get(adminOf(server), "/api/v1/status");
    return String(reply["phase"]);
  } finally {
    hangUp();
    assert.equal(await server.stop(), 0);
  }
}

function secretsFolder(context: TestContext, secrets: Readonly<Record<string, string | Buffer>>): string {
  const folder = newFolder();
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), value, { mode: 0o600 });
  return folder;
}

test("the same root secret opens the vault as raw bytes, hex and base64, from a file and from the environment; another does not", async (context) => {
  const secret = randomBytes(32);
  const folder = secretsFolder(context, {
    raw: secret,
    hex: `hex:${secret.toString("hex")}\n`,
    other: randomBytes(32),
  });
  assert.equal(await phaseOf(folder, ["--master-key", `file:${join(folder, "raw")}`]), "open");
  assert.equal(await phaseOf(folder, ["--master-key", `file:${join(folder, "hex")}`]), "open");
  assert.equal(await phaseOf(folder, ["--master-key", "env:ROOT_SECRET"], { ROOT_SECRET: `base64:${secret.toString("base64")}` }), "open");
  assert.equal(await phaseOf(folder, ["--master-key", `file:${join(folder, "other")}`]), "sealed");
});

test("a second secret is needed ever after, and the first alone does not open", async (context) => {
  const folder = secretsFolder(context, { root: randomBytes(32), second: randomBytes(32), other: randomBytes(32) });
  const root = ["--master-key", `file:${join(folder, "root")}`];
  assert.equal(await phaseOf(folder, [...root, "--hmac-key", `file:${join(folder, "second")}`]), "open");
  assert.equal(await phaseOf(folder, root), "sealed");
  assert.equal(await phaseOf(folder, [...root, "--hmac-key", `file:${join(folder, "other")}`]), "sealed");
  assert.equal(await phaseOf(folder, [...root, "--hmac-key", `file:${join(folder, "second")}`]), "open");
});

test("a passphrase makes and opens a vault; one that is too short or too simple makes none", async (context) => {
  const folder = secretsFolder(context, { good: "correct horse battery staple\n", short: "Ab1-", simple: "aaaaaaaaaaaa" });
  const strict = ["--set", "security.min_password_length=8", "--set", "security.require_strong_passwords=true"];
  assert.equal(await phaseOf(folder, [...strict, "--passphrase", `file:${join(folder, "short")}`]), "sealed");
  assert.equal(await phaseOf(folder, [...strict, "--passphrase", `file:${join(folder, "simple")}`]), "sealed");
  assert.equal(await phaseOf(folder, [...strict, "--passphrase", `file:${join(folder, "good")}`]), "open");
  assert.equal(await phaseOf(folder, ["--passphrase", "env:HSM_TEST_WORDS"], { HSM_TEST_WORDS: "correct horse battery staple" }), "open");
  assert.equal(await phaseOf(folder, ["--passphrase", `file:${join(folder, "simple")}`]), "sealed");
});

test("unseal.method: none starts sealed; `keystead unseal` opens, `keystead seal` closes, and data outlives both", async (context) => {
  const folder = secretsFolder(context, { root: `base64:${randomBytes(32).toString("base64")}\n` });
  const server = await serving(context, { folder, args: ["--set", "unseal.method=none"] });
  const admin = adminOf(server);
  const keystead = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(
      process.execPath,
      [
        join(ROOT, "keystead.cjs"),
        ...words,
        "--endpoint",
        server.api,
        "--ca",
        join(server.data, "credentials/ca.pem"),
        "--client-cert",
        join(server.data, "credentials/admin.pem"),
        "--client-key",
        join(server.data, "credentials/admin-key.pem"),
      ],
      { encoding: "utf8", cwd: folder },
    );
  const ready = (): Promise<number> =>
    http({ origin: `http://${server.addresses["health"]}` }, "GET", "/health/ready").then(({ status }) => status);
  assert.equal((await get(admin, "/api/v1/status")).reply["phase"], "sealed");
  assert.equal(await ready(), 503);
  assert.equal(keystead("sign", "k", "x").status, 9);
  const opened = keystead("unseal", "--secret", `file:${join(folder, "root")}`);
  assert.equal(opened.status, 0, opened.stderr);
  assert.equal(await ready(), 200);
  assert.equal(keystead("keys", "create", "Ed25519", "--id", "k").status, 0);
  assert.equal(keystead("seal", "--yes").status, 0);
  assert.equal(keystead("sign", "k", "x").status, 9);
  assert.equal(keystead("unseal", "--secret", `file:${join(folder, "root")}`).status, 0);
  assert.equal(keystead("sign", "k", "x").status, 0);
});

test("storage.sync_mode full, normal and none are reported, and what was made is there after restarts in order, in each of them", async (context) => {
  const folder = secretsFolder(context, {});
  const made: string[] = [];
  for (const mode of ["full", "normal", "none", "full"] as const) {
    const server = await serve({ folder, args: ["--sync-mode", mode] });
    try {
      assert.equal((await get(adminOf(server), "/api/v1/status")).reply["audit_sync_mode"], mode);
      const verified = await server.record(({ message }) => message === "log and store verified");
      assert.equal(verified.level, "info");
      for (const id of made) assert.ok((await post(adminOf(server), `/api/v1/keys/${id}/sign`, { data: "" })).ok, `${id} in ${mode}`);
      made.push(`k${made.length}`);
      assert.equal((await post(adminOf(server), "/api/v1/keys", { key_id: made.at(-1), algorithm: "Ed25519" })).status, 201);
    } finally {
      hangUp();
      assert.equal(await server.stop(), 0);
    }
  }
});

test("storage.backend memory forgets everything, and writes no database", async (context) => {
  const folder = secretsFolder(context, {});
  const first = await serve({ folder, args: ["--key-store", "memory"] });
  assert.equal((await post(adminOf(first), "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
  hangUp();
  assert.equal(await first.stop(), 0);
  const second = await serving(context, { folder, args: ["--key-store", "memory"] });
  assert.equal((await get(adminOf(second), "/api/v1/keys/k")).code, "OBJECT_NOT_FOUND");
  assert.deepEqual(
    readdirSync(second.data).filter((name) => name.endsWith(".db")),
    [],
  );
});

test("an environment variable overrides the file, and a flag overrides both", async (context) => {
  const server = await serving(context, {
    config: {
      development: { principal: "from-file" },
      security: { audit_sync_mode: "full" },
      namespaces: { described: { description: "from-file" } },
    },
    env: { HSM_DEVELOPMENT__PRINCIPAL: "from-environment", HSM_SECURITY__AUDIT_SYNC_MODE: "normal" },
    args: ["--set", "security.audit_sync_mode=none"],
  });
  const plain: Door = { origin: `http://${server.addresses["health"]}` };
  await post(plain, "/api/v1/random", { size_bytes: 1 });
  assert.equal((await get(plain, "/api/v1/audit?action=GenerateRandom")).reply["events"][0].principal, "from-environment");
  assert.equal((await get(adminOf(server), "/api/v1/status")).reply["audit_sync_mode"], "none", "from the flag");
  const { reply } = await get(adminOf(server), "/api/v1/namespaces");
  const described = reply["namespaces"].find(({ namespace }: { namespace: string }) => namespace === "described");
  assert.equal(described.description, "from-file");
});

/** Other tests of this file use what development makes. */
test("what development makes on first start fits together", async () => {
  const { data, credential } = await developmentMade();
  const profile = JSON.parse(credential("profile.json")) as Record<string, string>;
  const jwks = JSON.parse(readFileSync(join(data, "auth/jwks.json"), "utf8")) as { keys: { x: string }[] };
  const jwk = createPublicKey(createPrivateKey(credential("token-key.pem"))).export({ format: "jwk" });
  assert.equal(jwks.keys[0]?.x, jwk.x);
  assert.ok(new X509Certificate(credential("admin.pem")).checkIssued(new X509Certificate(credential("ca.pem"))));
  assert.equal(
    createHash("sha256")
      .update(readFileSync(profile["ca"] ?? ""))
      .digest("hex"),
    createHash("sha256").update(credential("ca.pem")).digest("hex"),
  );
});
