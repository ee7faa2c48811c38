/**
 * Events as log records: what a sink sends, read by the OpenTelemetry Collector's own decoder, and what a collector may answer.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { sinkEvent, type SinkEvent } from "@keystead/connector/deliver/event";
import { openSink } from "@keystead/connector/deliver/register";
import { UnusableTarget } from "@keystead/connector/deliver/sink";
import { logLine, sinkEvents, surroundings } from "@keystead/connector/deliver/testing";
import { VERSION } from "@keystead/contract/version";
import { buildOtlpReader, readOtlp } from "./otlp-reader.ts";

interface ReadRecord {
  readonly Service: string;
  readonly Instance: string;
  readonly Event: string;
  readonly Severity: string;
  readonly Text: string;
  readonly Body: string;
  readonly TraceID: string;
  readonly Number: number;
  readonly Time: number;
  readonly Observed: number;
  readonly Attributes: Readonly<Record<string, unknown>>;
}
interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
interface Answer {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const skip = buildOtlpReader();
const always = (): boolean => true;
const read = (requests: readonly Received[]): ReadRecord[] =>
  (readOtlp(requests.map(({ path, body }) => ({ path, body }))) as { logs: ReadRecord[] }).logs;

/** A collector that answers as it is told, and a sink that sends to it. */
async function collected(t: TestContext, answer: () => Answer = () => ({}), target: object = {}, secret?: string) {
  const received: Received[] = [];
  const collector = createServer(async (asked, reply) => {
    received.push({ path: asked.url ?? "", headers: asked.headers, body: Buffer.concat(await asked.toArray()).toString() });
    const { status = 200, body = "{}", headers = {} } = answer();
    reply.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  }).listen(0, "127.0.0.1");
  await once(collector, "listening");
  const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/logs`;
  const secrets = secret === undefined ? [] : [Buffer.from(secret)];
  const sink = openSink({ otlpLogs: { url, ...target } }, secrets, surroundings({ now: () => 1_800_000_000_123 }));
  t.after(() => {
    sink.close();
    collector.closeAllConnections();
    collector.close();
  });
  return { received, deliver: (events: readonly SinkEvent[] = sinkEvents(1, 1)) => sink.deliver(events, always) };
}

test("a record has the event's time, severity, type, trace and body, and names who sent it", { skip }, async (t) => {
  const { received, deliver } = await collected(t);
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const plain = sinkEvent(logLine(1, { trace, address: "192.0.2.7", key: "Schlüssel 🔑" }));
  const denied = sinkEvent(logLine(2, { decision: "refuse", outcome: "PERMISSION_DENIED", key: "" }));
  assert.deepEqual(await deliver([plain, denied]), { delivered: 2 });
  const [first, second] = read(received) as [ReadRecord, ReadRecord];
  assert.deepEqual(first, {
    Service: "keystead",
    Instance: "urn:keystead:test",
    Event: "key.created",
    Severity: "Info",
    Text: "INFO",
    Body: plain.line,
    TraceID: trace,
    Number: 9,
    Time: Date.parse(plain.event.time) * 1_000_000,
    Observed: 1_800_000_000_123_000_000,
    Attributes: {
      "event.name": "key.created",
      "keystead.sequence": 1,
      "keystead.event_id": plain.id,
      "keystead.kind": plain.kind,
      "keystead.action": "GenerateKey",
      "keystead.outcome": "OK",
      "keystead.decision": "allow",
      "keystead.principal": "user:ada",
      "keystead.namespace": "default",
      "keystead.key_id": "Schlüssel 🔑",
      "keystead.request_id": "request-1",
      "client.address": "192.0.2.7",
    },
  });
  assert.deepEqual([second.Event, second.Severity, second.TraceID], ["authorization.denied", "Warn", ""]);
  assert.equal("keystead.key_id" in second.Attributes, false);
  assert.ok(received.every(({ body }) => body.includes(VERSION)));
});

test("a record that is rejected by partial success is refused, and a warning beside it is none", async (t) => {
  let body = "";
  const { deliver } = await collected(t, () => ({ body }));
  for (const [answer, kind] of [
    [`{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}`, "refused"],
    [`{"partial_success":{"rejected_log_records":1}}`, "refused"],
    [`{"partialSuccess":{"errorMessage":"use a newer version"}}`, undefined],
    [`{"partialSuccess":{"rejectedLogRecords":"0"}}`, undefined],
    [`{"partialSuccess":null}`, undefined],
    ["", undefined],
    ["null", undefined],
  ] as const) {
    body = answer;
    assert.equal((await deliver()).failure?.kind, kind, answer);
  }
});

test("what a status is about decides: the record, or the collector, which may say when to come again", async (t) => {
  let answer: Answer = {};
  const { deliver, received } = await collected(t, () => answer);
  for (const [status, kind] of [
    [400, "refused"],
    [413, "refused"],
    [401, "unavailable"],
    [404, "unavailable"],
    [302, "unavailable"],
    [500, "unavailable"],
    [503, "unavailable"],
  ] as const) {
    answer = { status, headers: { location: "/elsewhere" } };
    const { delivered, failure } = await deliver(sinkEvents(1, 2));
    assert.deepEqual([delivered, failure?.kind], [0, kind], String(status));
  }
  // One attempt each, and nothing after the event that did not arrive.
  assert.equal(received.length, 7);
  answer = { status: 429, headers: { "retry-after": "7" } };
  assert.equal((await deliver()).failure?.retryAfterMs, 7000);
});

test("headers of the target, and the secret as a header, go with each request", async (t) => {
  for (const [secret, name, value] of [
    ["Bearer abc:def==\n", "authorization", "Bearer abc:def=="],
    ["x-honeycomb-team: abc def", "x-honeycomb-team", "abc def"],
  ] as const) {
    const { received, deliver } = await collected(t, undefined, { headers: [{ name: "X-Scope-OrgID", value: "blue" }] }, secret);
    assert.deepEqual(await deliver(), { delivered: 1 });
    const { headers } = received[0] as Received;
    assert.deepEqual([headers[name], headers["x-scope-orgid"], headers["content-type"]], [value, "blue", "application/json"]);
  }
});

test("a target that cannot work is refused when it is opened", () => {
  const refused = (target: object, secret?: string): void =>
    assert.throws(
      () =>
        openSink(
          { otlpLogs: { url: "https://collector.example/v1/logs", ...target } },
          secret === undefined ? [] : [Buffer.from(secret)],
          surroundings(),
        ),
      UnusableTarget,
    );
  refused({ url: "http://collector.example/v1/logs" });
  refused({ url: "https://user:pass@collector.example/v1/logs" });
  refused({ format: "SINK_FORMAT_CLOUDEVENTS_BINARY" });
  refused({ headers: [{ name: "Content-Length", value: "1" }] });
  refused({}, "Host: elsewhere");
  refused({}, "two\nlines");
});
