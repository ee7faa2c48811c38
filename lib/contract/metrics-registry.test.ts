import assert from "node:assert/strict";
import { test } from "node:test";
import { exposition, expositionFor } from "./metrics-text.ts";
import { MetricsRegistry, MOST_LABEL_SETS } from "./metrics-registry.ts";

const text = (registry: MetricsRegistry, legacy = false): string => exposition("prometheus", [registry.samples()], legacy);

test("a counter is printed with its help, type and labels", () => {
  const registry = new MetricsRegistry();
  const requests = registry.counter("hsm_gateway_requests_total");
  requests("rest", "OK").add();
  requests("rest", "OK").add(2);
  assert.ok(
    text(registry).includes(
      '# HELP hsm_gateway_requests_total Requests by surface and outcome.\n# TYPE hsm_gateway_requests_total counter\nhsm_gateway_requests_total{surface="rest",code="OK"} 3\n',
    ),
  );
});

test("label values are escaped", () => {
  const registry = new MetricsRegistry();
  registry.counter("hsm_auth_jwt_failure_total")('a"b\\c\nd').add();
  assert.match(text(registry), /hsm_auth_jwt_failure_total\{reason="a\\"b\\\\c\\nd"\} 1\n/);
});

test("beyond its bound a series counts new namespaces together, and still tells operations apart", () => {
  const registry = new MetricsRegistry();
  const operations = registry.counter("hsm_operations_total");
  for (let index = 0; index < MOST_LABEL_SETS + 500; index += 1) operations("sign", `n${index}`, "success").add();
  operations("verify", "n9999", "success").add();
  operations("sign", "n1", "success").add();
  const lines = text(registry);
  assert.match(lines, /hsm_operations_total\{operation="sign",namespace="other",result="success"\} 500\n/);
  assert.match(lines, /hsm_operations_total\{operation="verify",namespace="other",result="success"\} 1\n/);
  assert.match(lines, /hsm_operations_total\{operation="sign",namespace="n1",result="success"\} 2\n/);
  assert.ok([...lines.matchAll(/^hsm_operations_total\{/gm)].length <= MOST_LABEL_SETS + 2);
});

test("whatever is counted, a series has at most two times its bound of label sets and one more", () => {
  const registry = new MetricsRegistry();
  const operations = registry.counter("hsm_operations_total");
  for (let index = 0; index < 3 * MOST_LABEL_SETS; index += 1) operations(`o${index}`, `n${index}`, `r${index}`).add();
  const lines = [...text(registry).matchAll(/^hsm_operations_total\{.*\} (\d+)$/gm)];
  assert.equal(lines.length, 2 * MOST_LABEL_SETS + 1);
  assert.equal(
    lines.reduce((sum, [, count]) => sum + Number(count), 0),
    3 * MOST_LABEL_SETS,
  );
});

test("numbers that are kept elsewhere are bounded in the same way, and nothing of them is lost", () => {
  const registry = new MetricsRegistry();
  registry.observed("hsm_keys_total", () =>
    Array.from({ length: MOST_LABEL_SETS + 10 }, (_, index) => [[`n${index}`, "Ed25519", "active"], 2] as const),
  );
  assert.match(text(registry), /hsm_keys_total\{namespace="other",algorithm="Ed25519",state="active"\} 20\n/);
});

test("gauges are asked when they are read", () => {
  const registry = new MetricsRegistry();
  let value: number | undefined = 1;
  registry.observed("hsm_pool_waiting", () => value);
  registry.observed("hsm_channel_in_flight", () => [
    [["gateway"], 1],
    [["vault"], 2],
  ]);
  value = 5;
  assert.match(text(registry), /^hsm_pool_waiting 5$/m);
  assert.match(text(registry), /^hsm_channel_in_flight\{part="vault"\} 2$/m);
  value = undefined;
  assert.doesNotMatch(text(registry), /^hsm_pool_waiting/m);
});

const DURATION = "hsm_operation_duration_seconds";

test("a distribution counts what is at most its bound, cumulatively, with sum and count", () => {
  const registry = new MetricsRegistry();
  const seconds = registry.summary(DURATION, { name: `${DURATION}_bucket`, bounds: [0.1, 1, 10] });
  for (const value of [0.1, 0.5, 1, 5, 50]) seconds("sign").observe(value);
  const lines = text(registry);
  for (const line of [
    `${DURATION}_bucket{operation="sign",le="0.1"} 1`,
    `${DURATION}_bucket{operation="sign",le="1"} 3`,
    `${DURATION}_bucket{operation="sign",le="10"} 4`,
    `${DURATION}_bucket{operation="sign",le="+Inf"} 5`,
    `${DURATION}_count{operation="sign"} 5`,
  ])
    assert.ok(lines.includes(`${line}\n`), line);
  assert.match(lines, /hsm_operation_duration_seconds_sum\{operation="sign"\} 56\.6/);
});

test("quantiles are at most 15 percent above the truth, and never above the greatest value", () => {
  const registry = new MetricsRegistry();
  const events = registry.summary("hsm_audit_batch_events")();
  for (let index = 1; index <= 1_000; index += 1) events.observe(index);
  for (const [quantile, truth] of [
    ["0.5", 500],
    ["0.9", 900],
    ["0.99", 990],
  ] as const) {
    const value = Number(new RegExp(`hsm_audit_batch_events\\{quantile="${quantile}"\\} (\\S+)`).exec(text(registry))?.[1]);
    assert.ok(value >= truth && value <= Math.min(1_000, truth * 1.15), `${quantile}: ${value}`);
  }
});

test("a distribution that has seen nothing has no quantiles", () => {
  const registry = new MetricsRegistry();
  registry.summary("hsm_audit_sync_seconds")();
  assert.match(text(registry), /^hsm_audit_sync_seconds\{quantile="0.5"\} NaN$/m);
});

test("samples of several processes are one family", () => {
  const [gateway, vault] = [new MetricsRegistry(), new MetricsRegistry()];
  gateway.observed("hsm_process_resident_memory_bytes", () => [[["gateway"], 1]]);
  vault.observed("hsm_process_resident_memory_bytes", () => [[["vault"], 2]]);
  const lines = exposition("prometheus", [gateway.samples(), vault.samples()], false);
  assert.equal(lines.split("# TYPE hsm_process_resident_memory_bytes ").length, 2);
  assert.match(lines, /\{part="gateway"\} 1\nhsm_process_resident_memory_bytes\{part="vault"\} 2\n/);
});

test("old names are there beside the new ones, for who asks for them", () => {
  const registry = new MetricsRegistry();
  registry.observed("hsm_key_cache_hits_total", () => 7);
  registry.summary(DURATION)("sign").observe(1);
  assert.doesNotMatch(text(registry), /ferrohsm/);
  assert.match(text(registry, true), /# TYPE ferrohsm_key_cache_hit_total counter\nferrohsm_key_cache_hit_total 7\n/);
  assert.match(text(registry, true), /^ferrohsm_operation_duration_seconds_count\{operation="sign"\} 1$/m);
});

test("OpenMetrics is written for who prefers it", () => {
  const registry = new MetricsRegistry();
  registry.observed("hsm_pool_waiting", () => 1);
  const lines = exposition("openmetrics", [registry.samples()], false);
  assert.ok(lines.endsWith("# EOF\n"));
  assert.match(lines, /# TYPE hsm_operations counter\n/);
  for (const [accept, format] of [
    [undefined, "prometheus"],
    ["*/*", "prometheus"],
    ["text/plain", "prometheus"],
    ["application/openmetrics-text", "openmetrics"],
    ["application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics"],
    // As Prometheus 2 and 3 ask.
    [
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      "openmetrics",
    ],
    ["application/openmetrics-text;q=0.1,text/plain;q=0.9", "prometheus"],
    ["application/openmetrics-text;q=0,text/plain", "prometheus"],
    ["application/openmetrics-text;version=9.0.0,text/plain;q=0.1", "prometheus"],
    ["application/openmetrics-text;q=x", "prometheus"],
  ] as const)
    assert.equal(expositionFor(accept), format, accept ?? "nothing");
});
