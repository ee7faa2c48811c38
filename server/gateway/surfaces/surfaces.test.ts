import assert from "node:assert/strict";
import { test } from "node:test";
import { http1 } from "../testing/http.ts";
import { testGateway } from "../testing/test-gateway.ts";

test("metrics are the gateway's and the vault's, and still there without a vault", async (context) => {
  const { address, vault, link } = await testGateway(context, { GetStatus: () => ({}) });
  await http1(address("health"), "/api/v1/status");
  await http1(address("health"), "/nowhere");
  const { text, headers } = await http1(address("metrics"), "/metrics");
  assert.match(headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/);
  for (const line of [
    /^hsm_gateway_requests_total\{surface="rest",code="OK"\} 1$/m,
    /^hsm_gateway_requests_total\{surface="rest",code="OPERATION_NOT_SUPPORTED"\} 1$/m,
    /^hsm_gateway_in_flight 0$/m,
    /^hsm_gateway_connections \d+$/m,
    /^hsm_event_loop_lag_seconds\{part="gateway"\} [\d.e-]+$/m,
    /^hsm_vault_connected 1$/m,
    /^hsm_pool_waiting 1$/m,
  ])
    assert.match(text, line);
  const open = await http1(address("metrics"), "/metrics", { headers: { accept: "application/openmetrics-text" } });
  assert.match(open.headers["content-type"] ?? "", /^application\/openmetrics-text; version=1\.0\.0/);
  assert.match(open.text, /# EOF\n$/);
  assert.equal((await http1(address("metrics"), "/api/v1/status")).status, 404);
  assert.equal((await http1(address("metrics"), "/metrics", { method: "POST" })).status, 405);
  vault.peer?.destroy();
  while (link.connected) await new Promise<void>((resolve) => setImmediate(resolve));
  assert.match((await http1(address("metrics"), "/metrics")).text, /^hsm_vault_connected 0$/m);
});

test("health tells the verdict: live always, ready with the vault, startup once it was", async (context) => {
  const { address, vault } = await testGateway(context, {});
  const status = async (path: string): Promise<number> => (await http1(address("health"), path)).status;
  vault.health = { phase: "sealed", ready: false, version: "1", uptimeSeconds: 1 };
  assert.deepEqual(
    [await status("/health/live"), await status("/health/ready"), await status("/health/startup"), await status("/healthz")],
    [200, 503, 200, 503],
  );
  vault.health = { phase: "open", ready: true, version: "1", uptimeSeconds: 1 };
  assert.deepEqual([await status("/health/ready"), await status("/healthz")], [200, 200]);
  assert.equal((await http1(address("health"), "/healthz", { method: "POST" })).status, 405);
});

test("the OpenAPI document and its page are served, the page without script and under a strict policy", async (context) => {
  const { address } = await testGateway(context, {});
  const document = (await http1(address("health"), "/openapi.json")).json();
  assert.equal(document["openapi"], "3.1.0");
  const page = await http1(address("health"), "/docs");
  assert.match(page.headers["content-security-policy"] as string, /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; /);
  assert.doesNotMatch(page.text, /<script|javascript:|https?:\/\/|onclick|onload/i);
  for (const id of ["generateKey", "sign", "verify", "getAuditLog"]) assert.match(page.text, new RegExp(`id="${id}"`));
  assert.equal((await http1(address("health"), "/docs", { method: "POST" })).status, 405);
});
