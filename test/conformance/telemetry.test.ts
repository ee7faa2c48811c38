/**
 * Traces and metrics as a collector receives them: sent by a running server, read by the OpenTelemetry Collector's own
 * decoder (a Go program beside this file, built from its module).
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { METRIC_NAMES, metricRow } from "@keystead/contract/metrics";
import { buildOtlpReader, readOtlp } from "./otlp-reader.ts";
import { serve, type RunningServer } from "./running-server.ts";
import { hangUp, http, type Door, type HttpAnswer } from "./surfaces.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";

interface Received {
  readonly path: string;
  readonly body: string;
}

interface ReadSpan {
  readonly Part: string;
  readonly Name: string;
  readonly Kind: string;
  readonly TraceID: string;
  readonly SpanID: string;
  readonly ParentID: string;
  readonly Status: string;
  readonly Nanos: number;
  readonly Attributes: Readonly<Record<string, string>>;
}

interface ReadMetric {
  readonly Part: string;
  readonly Name: string;
  readonly Type: string;
  readonly Points: number;
  readonly Monotonic: boolean;
}

const skip = buildOtlpReader();
const read = (requests: readonly Received[]) => readOtlp(requests) as { spans: ReadSpan[]; metrics: ReadMetric[] };

/** A receiver, and a server that sends to it. */
async function traced(context: TestContext, telemetry: object): Promise<{ server: RunningServer; door: Door; received: Received[] }> {
  const received: Received[] = [];
  const collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString("utf8") });
    response.setHeader("content-type", "application/json").end("{}");
  }).listen(0, "127.0.0.1");
  await once(collector, "listening");
  const { port } = collector.address() as AddressInfo;
  const server = await serve({
    preset: "test",
    config: { telemetry: { endpoint: `http://127.0.0.1:${port}`, interval_seconds: 3600, ...telemetry } },
  });
  context.after(async () => {
    hangUp();
    await server.stop();
    collector.close();
  });
  const [ca, cert, key] = ["ca.pem", "admin.pem", "admin-key.pem"].map((name) => server.credential(name)) as [string, string, string];
  return { server, door: { origin: server.api, ca, cert, key }, received };
}

const ask = (door: Door, path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> =>
  body === undefined
    ? http(door, "GET", path, headers)
    : http(door, "POST", path, { "content-type": "application/json", ...headers }, JSON.stringify(body));

test("a caller's trace goes through gateway and vault, to the collector and into the audit log", { skip }, async (context) => {
  const { server, door, received } = await traced(context, { sample_ratio: 0, names: true });
  const traceparent = `00-${TRACE_ID}-${CALLER}-01`;
  assert.equal((await ask(door, "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
  assert.equal((await ask(door, "/api/v1/keys/k/sign", { data: "YQ==" }, { traceparent, "x-request-id": "r-1" })).status, 200);
  assert.equal((await ask(door, "/api/v1/keys/none/sign", { data: "YQ==" }, { traceparent })).status, 404);
  const { events } = JSON.parse((await ask(door, "/api/v1/audit?action=Sign")).body.toString()) as { events: { event_json?: string }[] };
  assert.ok(JSON.stringify(events).includes(TRACE_ID), "the audit event has the trace id");
  await server.stop();
  const { spans, metrics } = read(received);
  // Nothing that nobody asked to trace.
  assert.deepEqual(new Set(spans.map(({ TraceID }) => TraceID)), new Set([TRACE_ID]));
  const [first, second] = spans.filter(({ Part }) => Part === "gateway") as [ReadSpan, ReadSpan];
  assert.deepEqual(
    [first.Name, first.Kind, first.Status, first.ParentID, first.Attributes],
    ["Sign", "Server", "Ok", CALLER, { "keystead.request_id": "r-1" }],
  );
  assert.deepEqual([second.Status, second.Attributes["error.type"]], ["Error", "OBJECT_NOT_FOUND"]);
  const inner = spans.filter(({ Part }) => Part === "vault");
  assert.deepEqual(
    inner.map(({ ParentID }) => ParentID),
    [first.SpanID, second.SpanID],
  );
  assert.deepEqual([inner[0]?.Kind, inner[0]?.Attributes], ["Internal", { "keystead.namespace": "default", "keystead.key_id": "k" }]);
  assert.ok((inner[0]?.Nanos ?? 0) > 0 && (inner[0]?.Nanos ?? 0) <= first.Nanos + 1_000_000, "the vault's part is within the gateway's");

  const kinds = { counter: "Sum", gauge: "Gauge", summary: "Summary", untyped: "none" };
  for (const { Name, Type, Points, Monotonic } of metrics) {
    const name = METRIC_NAMES.find((known) => known === Name);
    assert.ok(name !== undefined, `${Name} is not in the table`);
    assert.equal(Type, kinds[metricRow(name).type], Name);
    assert.ok(Points > 0, Name);
    assert.equal(Monotonic, Type === "Sum", Name);
  }
  assert.ok(metrics.some(({ Part, Name }) => Part === "vault" && Name === "hsm_operations_total"));
  assert.ok(metrics.some(({ Part, Name }) => Part === "gateway" && Name === "hsm_gateway_requests_total"));
});

test("unless the operator says so, nothing that is sent names a key, a namespace or a caller", { skip }, async (context) => {
  const { server, door, received } = await traced(context, { metrics: false });
  assert.equal(
    (await ask(door, "/api/v1/keys", { key_id: "very-secret-name", algorithm: "Ed25519", description: "about it" })).status,
    201,
  );
  assert.equal((await ask(door, "/api/v1/keys/very-secret-name/sign", { data: "YQ==" }, { traceparent: "not a trace" })).status, 200);
  await server.stop();
  const sent = received.map(({ body }) => body).join("");
  for (const name of ["very-secret-name", "default", "admin", "about it", "127.0.0.1", "YQ=="]) assert.ok(!sent.includes(name), name);
  const { spans, metrics } = read(received);
  assert.deepEqual(metrics, []);
  assert.deepEqual(
    spans.filter(({ Part }) => Part === "gateway").map(({ Name, ParentID }) => [Name, ParentID]),
    [
      ["GenerateKey", ""],
      ["Sign", ""],
    ],
  );
  assert.equal(spans.filter(({ Part }) => Part === "vault").length, 2);
});
