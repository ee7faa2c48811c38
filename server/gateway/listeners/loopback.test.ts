import assert from "node:assert/strict";
import { test } from "node:test";
import { h2c, http1, http2 } from "../testing/http.ts";
import { testGateway } from "../testing/test-gateway.ts";
import { isLoopback } from "./loopback.ts";

const answers = { GetStatus: () => ({ phase: "open" }), GenerateKey: () => ({ keyId: "fresh" }) };

test("a development port answers this machine's programs only: foreign hosts, origins and web pages are refused", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  const refused: readonly Record<string, string>[] = [
    { host: "evil.example" },
    { host: "evil.example:8080" },
    { host: "127.0.0.1.evil.example" },
    { host: "localhost.evil.example" },
    { host: "127.0.0.2" },
    { host: "0.0.0.0" },
    { host: "[::2]" },
    { host: "" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ];
  for (const headers of refused) {
    for (const name of ["health", "developmentGrpc"]) {
      for (const path of ["/api/v1/status", "/generate_key", "/healthz", "/openapi.json"]) {
        const reply = await http1(address(name), path, { headers });
        assert.ok(
          reply.status === 403 || (headers["host"] === "" && reply.status === 400),
          `${JSON.stringify(headers)} ${path}: ${reply.status}`,
        );
      }
    }
  }
  assert.equal(vault.seen.length, 0);
  for (const host of ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:50051", "LOCALHOST"])
    assert.equal((await http1(address("health"), "/api/v1/status", { headers: { host } })).status, 200, host);
});

test("the same over HTTP/2, where the host is :authority", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  const session = h2c(address("developmentGrpc"));
  for (const headers of [{ ":authority": "evil.example" }, { origin: "https://evil.example" }])
    assert.equal((await http2(session, "/api/v1/status", { headers })).status, 403);
  assert.equal((await http2(session, "/api/v1/status", { headers: { ":authority": "localhost:50051" } })).status, 200);
  session.close();
  assert.equal(vault.seen.length, 1);
});

test("/generate_key makes a key in development and does not exist elsewhere", async (context) => {
  const development = await testGateway(context, answers);
  for (const method of ["GET", "POST"])
    assert.deepEqual((await http1(development.address("health"), "/generate_key", { method })).json(), { key_id: "fresh" });
  const production = await testGateway(context, answers, { developmentRest: false, developmentGrpc: undefined });
  for (const path of ["/generate_key", "/api/v1/status", "/api/v1/keys", "/openapi.json", "/metrics"])
    assert.equal((await http1(production.address("health"), path)).status, 404, path);
  for (const path of ["/healthz", "/health/live", "/health/ready", "/health/startup"])
    assert.equal((await http1(production.address("health"), path, { headers: { host: "node-7.example" } })).status, 200, path);
  assert.equal(production.vault.seen.length, 0);
});

test("loopback addresses are recognised and nothing else", () => {
  for (const address of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]) assert.ok(isLoopback(address), address);
  for (const address of ["", "10.0.0.1", "128.0.0.1", "::2", "fe80::1", "::ffff:10.0.0.1", "1127.0.0.1"])
    assert.ok(!isLoopback(address), address);
});
