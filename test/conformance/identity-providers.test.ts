import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { newFolder, startServer, until, type TestServer } from "../server.ts";
import { startIdentityProvider, type IdentityProvider } from "./identity-provider.ts";

async function serverFor(t: TestContext, idp: IdentityProvider, more: readonly string[] = []): Promise<TestServer> {
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
  return server;
}

/** Status of a request with this token alone: over the plain development listener a token must hold too. */
async function asks(server: TestServer, token: string): Promise<number> {
  const port = (server.addresses["health"] as string).split(":").at(-1) as string;
  const reply = await fetch(`http://127.0.0.1:${port}/api/v1/keys`, { headers: { authorization: `Bearer ${token}` } });
  await reply.arrayBuffer();
  return reply.status;
}

test("a token of a real provider is let in by its groups, others are not, and keys that are rotated away stop counting", async (t) => {
  const idp = await startIdentityProvider(t);
  const server = await serverFor(t, idp, ["auth.jwt.unknown_kid_seconds=1"]);
  await server.record((line) => line.message === "token keys of an issuer changed");
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
  assert.equal(await server.stop(), 0);
});

test("tokens with unknown keys are refused without a fetch for each, and a provider that is silent keeps nobody waiting", async (t) => {
  const idp = await startIdentityProvider(t);
  const server = await serverFor(t, idp, ["auth.jwt.unknown_kid_seconds=3600"]);
  await server.record((line) => line.message === "token keys of an issuer changed");
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
  assert.equal(await asks(server, alice), 200);
  assert.equal(await asks(server, unknown(7)), 401);
  assert.equal(await server.stop(), 0);
});

test("a connector that is killed is started again and joined; the keys stay in force meanwhile", async (t) => {
  const idp = await startIdentityProvider(t);
  const server = await serverFor(t, idp, ["auth.jwt.unknown_kid_seconds=1"]);
  await server.record((line) => line.message === "token keys of an issuer changed");
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
  assert.equal(await server.stop(), 0);
});

test("without anything to fetch no connector runs", async (t) => {
  const server = await startServer({ preset: "test" });
  t.after(() => server.kill("all"));
  assert.deepEqual(Object.keys(server.pids()).sort(), ["gateway", "launcher", "vault"]);
  assert.equal(await server.stop(), 0);
});
