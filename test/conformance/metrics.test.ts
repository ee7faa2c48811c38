/**
 * /metrics of a running server against the table of series, and as other people's parsers read it: promtool (Prometheus'
 * own, in Go) and prometheus_client (Python).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { METRIC_NAMES, metricRow, type MetricName } from "@keystead/contract/metrics";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { sign } from "@keystead/contract/operations/sign";
import { ROOT, serve } from "./running-server.ts";
import { served } from "./served.ts";
import { http } from "./surfaces.ts";
import { badTokens } from "./tokens.ts";

const at = served();

/** Series without a sample in this server, and why. */
const WITHOUT: Readonly<Partial<Record<MetricName, string>>> = {
  hsm_active_sessions: "nobody signs in",
  hsm_connector_breaker_open: "nothing is dialled",
  hsm_sink_behind_events: "no sink is there",
  hsm_sink_set_aside_events: "no sink is there",
  hsm_sink_missed_events_total: "no sink is there",
};

async function scrape(accept: string, origin = `http://${at.server.addresses["metrics"]}`): Promise<string> {
  const { body, headers } = await http({ origin, headers: { accept } }, "GET", "/metrics");
  assert.ok((headers["content-type"] as string).startsWith(accept));
  return body.toString();
}

before(async () => {
  // The server's own beginning may be under way still.
  await at.as("Auditor");
  await at.given("REST", generateKey, { keyId: "k", algorithm: Algorithm.Ed25519 });
  await at.given("REST", sign, { keyId: "k", data: Buffer.from("a") });
  assert.equal((await http(at.door, "GET", "/api/v1/keys/not-there")).status, 404);
});

const familiesOf = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name as string, type as string]));

interface Sample {
  readonly name: string;
  readonly labels: readonly string[];
}

const samplesOf = (text: string): Sample[] =>
  [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)].map(([, name, labels]) => ({
    name: name as string,
    labels: [...(labels ?? "").matchAll(/([a-z_]+)="(?:[^"\\]|\\.)*"/g)].map(([, label]) => label as string),
  }));

test("a running server has every series of the table, with its type and its labels, and no other", async () => {
  const text = await scrape("text/plain");
  assert.deepEqual(
    [...familiesOf(text)],
    METRIC_NAMES.map((name) => [name, metricRow(name).type]),
  );
  const seen = new Set<string>();
  for (const { name, labels } of samplesOf(text)) {
    const family =
      METRIC_NAMES.find((known) => known === name) ??
      METRIC_NAMES.find((known) => metricRow(known).type === "summary" && [`${known}_sum`, `${known}_count`].includes(name));
    assert.ok(family !== undefined, `${name} is not in the table`);
    seen.add(family);
    const row = metricRow(family);
    assert.deepEqual(labels, row.type === "summary" && name === family ? [...row.labels, "quantile"] : row.labels, name);
  }
  assert.deepEqual(
    METRIC_NAMES.filter((name) => !seen.has(name)),
    Object.keys(WITHOUT),
  );
});

test("a refused token is counted by its reason", async () => {
  const { ca } = at.door;
  const count = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      [...(await scrape("text/plain")).matchAll(/^hsm_auth_jwt_failure_total\{reason="(\w+)"\} (\d+)$/gm)].map(([, reason, value]) => [
        reason,
        Number(value),
      ]),
    );
  const before = await count();
  const tokens = badTokens(at.server.credential("token-key.pem"));
  for (const token of Object.values(tokens))
    assert.equal((await http({ origin: at.server.api, token, ...(ca === undefined ? {} : { ca }) }, "GET", "/api/v1/keys")).status, 401);
  const after = await count();
  const gained = Object.fromEntries(Object.entries(after).map(([reason, value]) => [reason, value - (before[reason] ?? 0)]));
  assert.equal(
    Object.values(gained).reduce((sum, value) => sum + value, 0),
    Object.keys(tokens).length,
  );
  for (const reason of ["malformed", "unknown_key", "signature", "expired", "claims"])
    assert.ok((gained[reason] ?? 0) > 0, `${reason}: ${JSON.stringify(gained)}`);
});

test("metrics.legacy_names gives the names of older systems too", async (context) => {
  const server = await serve({ preset: "test", config: { metrics: { legacy_names: true } } });
  context.after(() => server.stop());
  const text = await scrape("text/plain", `http://${server.addresses["metrics"]}`);
  for (const name of METRIC_NAMES) {
    const { legacy, type } = metricRow(name);
    if (legacy !== undefined) assert.equal(familiesOf(text).get(legacy), type, legacy);
  }
  assert.match(text, /^ferrohsm_rate_limit_allowed_total\{scope="in_flight"\} \d+$/m);
  checkWithPromtool(text);
});

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

/** What promtool's linter says of names that are promised so. */
const NAMED_SO = /^(?:hsm_keys_total|hsm_retention_queue_length) /;

function checkWithPromtool(text: string): void {
  if (!hasPromtool) return;
  const { stdout, stderr, status } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !NAMED_SO.test(line));
  // 3: something about style, which is in the lines.
  assert.ok(status === 0 || status === 3, lines.join("\n"));
  assert.deepEqual(lines, []);
}

test("promtool finds nothing wrong", { skip: !hasPromtool && "promtool is not there" }, async () =>
  checkWithPromtool(await scrape("text/plain")),
);

const VENV = join(ROOT, ".keystead/prometheus-client");

/** Installs prometheus_client into a folder of its own, once. @returns why not, when it cannot be had */
function install(): string | false {
  if (existsSync(join(VENV, "installed"))) return false;
  for (const [command, ...args] of [
    ["python3", "-m", "venv", VENV],
    [join(VENV, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "prometheus_client==0.26.0"],
    ["touch", join(VENV, "installed")],
  ] as [string, ...string[]][])
    if (spawnSync(command, args, { stdio: "inherit", timeout: 240_000 }).status !== 0)
      return "prometheus_client cannot be installed from PyPI";
  return false;
}

const READ = `
import sys, json
from prometheus_client.parser import text_string_to_metric_families as plain
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
families = (strict if sys.argv[1] == "openmetrics" else plain)(sys.stdin.read())
print(json.dumps({f.name: [f.type, len(f.samples)] for f in families}))
`;

test("prometheus_client reads both formats, the strict one too, and finds the same families", { skip: install() }, async () => {
  const read = (format: string, text: string): Record<string, [string, number]> => {
    const { stdout, stderr, status } = spawnSync(join(VENV, "bin/python"), ["-c", READ, format], { input: text, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Record<string, [string, number]>;
  };
  const plain = read("prometheus", await scrape("text/plain"));
  const strict = read("openmetrics", await scrape("application/openmetrics-text"));
  for (const name of METRIC_NAMES) {
    const { type } = metricRow(name);
    const counter = name.replace(/_total$/, "");
    assert.equal((plain[name] ?? plain[counter])?.[0], type === "untyped" ? "unknown" : type, name);
    assert.equal(strict[type === "counter" ? counter : name]?.[0], type === "untyped" ? "unknown" : type, name);
  }
});
