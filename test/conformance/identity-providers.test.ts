import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Algorithm, HsmService } from "@keystead/contract/generated/hsm/hsm_pb";
import { sign } from "@keystead/contract/operations/sign";
import { KEYSTEAD, newFolder, startServer, until, type TestServer } from "../server.ts";
import { startIdentityProvider, type Ending, type IdentityProvider } from "./identity-provider.ts";
import { ask, hangUp, type Door } from "./surfaces.ts";

async function serverFor(t: Ending, idp: IdentityProvider, more: readonly string[] = []): Promise<TestServer> {
  const mappings = '[{claim: groups, value: hsm-operators, roles: [Operator], namespaces: ["*"]}]';
  const server = await startServer({
    dataDir: `${newFolder()}/data`,
    flags: [
      `auth.oidc.providers=[{issuer: "${idp.issuer}", client_id: ${idp.clientId}, mappings: ${mappings}}]`,
      "connector.allowed_addresses=[127.0.0.1]",
      ...more,
    ].flatMap((set) => ["--set", set]),
  });
  t.after(() => server.kill("all"));
  await server.record((line) => line.message === "token keys of an issuer changed");
  return server;
}

interface Pair {
  readonly idp: IdentityProvider;
  readonly server: TestServer;
}

/** One provider and its server for several tests, from the first that asks to the end of the file. */
function sharedPair(more: readonly string[]): () => Promise<Pair> {
  const ends: (() => void)[] = [];
  const ending: Ending = { after: (end) => void ends.push(end) };
  let pair: Promise<Pair> | undefined;
  after(async () => {
    try {
      if (pair !== undefined) assert.equal(await (await pair).server.stop(), 0);
    } finally {
      for (const end of ends) end();
    }
  });
  return () => (pair ??= startIdentityProvider(ending).then(async (idp) => ({ idp, server: await serverFor(ending, idp, more) })));
}

/** Asks for the keys again a second after it did. */
const eager = sharedPair(["auth.jwt.unknown_kid_seconds=1"]);
/** Not within these tests. */
const patient = sharedPair(["auth.jwt.unknown_kid_seconds=3600"]);

/** Status of a request with this token alone: over the plain development listener a token must hold too. */
async function asks(server: TestServer, token: string): Promise<number> {
  const port = (server.addresses["health"] as string).split(":").at(-1) as string;
  const reply = await fetch(`http://127.0.0.1:${port}/api/v1/keys`, { headers: { authorization: `Bearer ${token}` } });
  await reply.arrayBuffer();
  return reply.status;
}

test("a token of a real provider is let in by its groups, others are not, and keys that are rotated away stop counting", async () => {
  const { idp, server } = await eager();
  const alice = await idp.signIn("alice");
  assert.equal(await asks(server, alice), 200);
  assert.equal(await asks(server, await idp.signIn("bob")), 401);
  const { body } = await server.rest("GET", "/api/v1/audit");
  assert.match(JSON.stringify(body), new RegExp(`oidc:${idp.issuer}:alice`));

  const before = idp.keyRequests();
  await idp.rotate();
  const later = await idp.signIn("alice");
  await until("the new key is fetched for its first token", async () => (await asks(server, later)) === 200);
  assert.equal(await asks(server, alice), 401);
  assert.ok(idp.keyRequests() - before <= 3, `${idp.keyRequests() - before} fetches`);
});

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** One request with a body, over the plain development listener. */
async function post(server: TestServer, path: string, body: object, token?: string): Promise<Answer> {
  const port = (server.addresses["health"] as string).split(":").at(-1) as string;
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

test("a token of a real provider is exchanged for a session, once, by REST and gRPC", async () => {
  const { idp, server } = await patient();
  const alice = await idp.signIn("alice");
  const login = (token: string): Promise<Answer> => post(server, "/api/v1/login/oidc", { token });
  const { status, body } = await login(alice);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(await asks(server, body.tokens.access_token), 200);
  const again = await login(alice);
  const stranger = await login(await idp.signIn("bob"));
  assert.deepEqual([again.status, stranger.status], [401, 401]);
  assert.deepEqual(again.body.detail ?? again.body, stranger.body.detail ?? stranger.body);

  // Over TLS with a client certificate the session is that certificate's (RFC 8705).
  const other = await idp.signIn("alice");
  const { tokens } = await server.grpc(HsmService.method.loginOidc, { token: other });
  await assert.rejects(server.grpc(HsmService.method.loginOidc, { token: other }), /grpc-status 16/);
  const authorization = { authorization: `Bearer ${tokens?.accessToken}` };
  const me = await server.rest("GET", "/api/v1/whoami", undefined, authorization);
  assert.deepEqual([me.status, me.body.principal], [200, `oidc:${idp.issuer}:alice`]);
  assert.equal(await asks(server, tokens?.accessToken ?? ""), 401);

  const refreshed = await post(server, "/api/v1/sessions/refresh", { refresh_token: body.tokens.refresh_token });
  assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
  assert.equal(await asks(server, refreshed.body.tokens.access_token), 200);
});

test("a group at a real provider has a role by the policy alone, over REST and gRPC, by its token and by a session", async (t) => {
  const idp = await startIdentityProvider(t);
  // The configuration lets them in, with no role.
  const mappings = "[{claim: groups, value: staff, roles: [], namespaces: [default]}]";
  const provider = `auth.oidc.providers=[{issuer: "${idp.issuer}", client_id: ${idp.clientId}, mappings: ${mappings}}]`;
  const server = await serverFor(t, idp, [provider]);
  t.after(hangUp);
  await server.grpc(HsmService.method.generateKey, { namespace: "default", keyId: "release", algorithm: Algorithm.Ed25519 });
  const session = await post(server, "/api/v1/login/oidc", { token: await idp.signIn("alice") });
  assert.equal(session.status, 200, JSON.stringify(session.body));
  const open: Door = { origin: `http://${server.addresses["health"]}`, token: session.body.tokens.access_token };
  const tls = { origin: server.profile.endpoint, ca: readFileSync(server.profile.ca, "utf8") };
  const [alice, bob] = await Promise.all(["alice", "bob"].map(async (login) => ({ ...tls, token: await idp.signIn(login) })));
  const signed = async (door: Door, surface: "REST" | "gRPC"): Promise<string> => {
    const { ok, code } = await ask(surface, door, sign, { namespace: "default", keyId: "release", data: Buffer.from("data") });
    return ok ? "OK" : (code ?? "");
  };
  /** Alice by REST and gRPC, her session, Bob by REST and gRPC. */
  const all = async (): Promise<string> =>
    [
      await signed(alice as Door, "REST"),
      await signed(alice as Door, "gRPC"),
      await signed(open, "REST"),
      await signed(bob as Door, "REST"),
      await signed(bob as Door, "gRPC"),
    ]
      .map((code) => ({ OK: "yes", PERMISSION_DENIED: "no" })[code] ?? code)
      .join(" ");
  let version = 0;
  const set = async (document: object): Promise<void> => {
    const text = JSON.stringify({ format: 1, ...document });
    await server.grpc(HsmService.method.setPolicy, { expectedVersion: version++, document: text });
  };
  const claim = (name: string, value: string): string => `claim:oidc:${idp.issuer}#${name}=${value}`;
  const binding = { id: "b", roles: ["KeyUser"], namespaces: ["default"] };
  assert.equal(await all(), "no no no no no");
  await set({ bindings: [{ ...binding, members: [claim("groups", "hsm-operators")] }] });
  assert.equal(await all(), "yes yes yes no no");
  await set({
    bindings: [{ ...binding, members: [claim("groups", "staff")] }],
    denials: [{ id: "d", members: [claim("groups", "hsm-operators")], permissions: ["crypto:sign"], namespaces: ["*"] }],
  });
  assert.equal(await all(), "no no no yes yes");
  // The provider says of Bob's address that it is not verified; and its word is no key set's.
  const members = [claim("email", "bob@example.org"), claim("email", "alice@example.org"), `claim:jwt:${idp.issuer}#groups=staff`];
  await set({ bindings: [{ ...binding, members }] });
  assert.equal(await all(), "yes yes yes no no");
  await set({});
  assert.equal(await all(), "no no no no no");
  assert.equal(await server.stop(), 0);
});

test("keystead login signs in at a real provider and keeps the session", async () => {
  const { idp, server } = await patient();
  const home = newFolder();
  const { endpoint, ca } = server.profile;
  writeFileSync(join(home, "profile.json"), JSON.stringify({ endpoint, ca }));
  const keystead = async (
    args: readonly string[],
    said: (text: string) => void = () => undefined,
  ): Promise<{ exit: number; out: string }> => {
    const child = spawn(process.execPath, [KEYSTEAD, "--profile", join(home, "profile.json"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, HOME: home, KEYSTEAD_PROFILE: "" },
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => said((err += text)));
    const [exit] = (await once(child, "close")) as [number];
    return { exit, out: out + err };
  };
  const at = ["--issuer", idp.issuer, "--client-id", idp.clientId, "--scope", "groups"];
  let entered = false;
  const device = await keystead(["login", "--device-code", ...at], (text) => {
    const [, address, code] = /open (\S+) and enter (\S+)\n/.exec(text) ?? [];
    if (entered || address === undefined || code === undefined) return;
    entered = true;
    void idp.browse(address, "alice", code);
  });
  assert.equal(device.exit, 0, device.out);
  assert.equal(statSync(join(home, "session.json")).mode & 0o777, 0o600);
  assert.match((await keystead(["whoami"])).out, new RegExp(`oidc:${idp.issuer}:alice`));
  assert.equal((await keystead(["logout"])).exit, 0);

  // With a browser on this machine: the code comes to loopback.
  let opened = false;
  const browser = await keystead(["login", ...at], (text) => {
    const [, address] = /in a browser on this machine:\n(\S+)\n/.exec(text) ?? [];
    if (opened || address === undefined) return;
    opened = true;
    void idp.browse(address, "alice").then(({ location }) => fetch(location));
  });
  assert.equal(browser.exit, 0, browser.out);
  assert.match((await keystead(["whoami"])).out, new RegExp(`oidc:${idp.issuer}:alice`));

  // A token that is there already, by reference, is good once.
  writeFileSync(join(home, "token"), `${await idp.signIn("alice")}\n`, { mode: 0o600 });
  const by = ["login", "--provider-token", `file:${join(home, "token")}`];
  assert.equal((await keystead(by)).exit, 0);
  assert.equal((await keystead(by)).exit, 3);
});

test("tokens with unknown keys are refused without a fetch for each, and a provider that is silent keeps nobody waiting", async (t) => {
  const { idp, server } = await patient();
  const alice = await idp.signIn("alice");
  assert.equal(await asks(server, alice), 200);
  const [head, ...rest] = alice.split(".") as [string, string, string];
  const unknown = (n: number): string =>
    [
      Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(head, "base64url").toString()) as object), kid: `k${n}` })).toString(
        "base64url",
      ),
      ...rest,
    ].join(".");
  const before = idp.keyRequests();
  const statuses = await Promise.all(Array.from({ length: 100 }, (_none, n) => asks(server, unknown(n))));
  assert.deepEqual([...new Set(statuses)], [401]);
  assert.ok(idp.keyRequests() - before <= 1, `${idp.keyRequests() - before} fetches for 100 tokens`);
  idp.silence(true);
  t.after(() => idp.silence(false));
  assert.equal(await asks(server, alice), 200);
  assert.equal(await asks(server, unknown(7)), 401);
});

test("a connector that is killed is started again and joined; the keys stay in force meanwhile", async () => {
  const { idp, server } = await eager();
  const alice = await idp.signIn("alice");
  const pid = server.pids().connector;
  assert.ok(pid !== undefined, "no connector runs");
  const seen = server.logs().length;
  process.kill(pid, "SIGKILL");
  assert.equal(await asks(server, alice), 200);
  await server.record((line) => line.part === "launcher" && line.message === "connector fetch is ready", seen);
  await idp.rotate();
  const later = await idp.signIn("alice");
  await until("the new connector fetches", async () => (await asks(server, later)) === 200);
  const gone = server.logs().length;
  server.kill("vault");
  await server.ready("vault", gone);
  await until("the new vault has keys", async () => (await asks(server, later).catch(() => 0)) === 200);
});

test("without anything to fetch no connector runs", async (t) => {
  const server = await startServer({ preset: "test" });
  t.after(() => server.kill("all"));
  assert.deepEqual(Object.keys(server.pids()).sort(), ["gateway", "launcher", "vault"]);
  assert.equal(await server.stop(), 0);
});
