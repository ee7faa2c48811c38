import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createLogger } from "@keystead/contract/logging";
import type { Span } from "@keystead/contract/spans";
import { Exporter } from "./exporter.ts";
import { Tracer } from "./tracer.ts";

const SPAN: Span = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentId: "",
  name: "Sign",
  kind: "server",
  start: 1,
  end: 2,
  code: "OK",
  attributes: {},
};

/** An exporter towards a receiver that answers so; one span waits each time. */
async function exporting(context: TestContext, answer: RequestListener, spans: readonly Span[] = [SPAN]) {
  const lines: string[] = [];
  const receiver = createServer(answer).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  context.after(() => receiver.close());
  const { port } = receiver.address() as AddressInfo;
  const exporter = new Exporter({
    config: {
      endpoint: `http://127.0.0.1:${port}/`,
      caPath: undefined,
      traces: true,
      metrics: false,
      sampleRatio: 1,
      intervalSeconds: 3600,
    },
    log: createLogger({ part: "gateway", version: "0", level: "info", write: (line) => lines.push(line) }),
    authorities: undefined,
    retryMs: [0, 0],
    sources: {
      gatewaySpans: () => spans,
      vaultSpans: () => Promise.resolve([]),
      gatewaySamples: () => ({}),
      vaultSamples: () => Promise.resolve({}),
    },
  });
  return { exporter, lines, messages: () => lines.map((line) => (JSON.parse(line) as { message: string }).message) };
}

test("what a collector refuses for now is sent again, and what it refuses for good is not", async (context) => {
  const asked: string[] = [];
  const statuses = [503, 429, 200, 400];
  const { exporter, messages } = await exporting(context, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    response.writeHead(statuses.shift() ?? 500).end();
  });
  await exporter.flush();
  assert.deepEqual(asked, ["POST /v1/traces", "POST /v1/traces", "POST /v1/traces"]);
  assert.deepEqual(messages(), []);
  await exporter.flush();
  assert.equal(asked.length, 4);
  assert.deepEqual(messages(), ["telemetry could not be sent and is dropped"]);
});

test("a collector that is not there is told of once, and once more when it is there again", async (context) => {
  let there = false;
  const { exporter, messages } = await exporting(context, (request, response) => {
    if (!there) return void request.socket.destroy();
    request.resume();
    response.end();
  });
  await exporter.flush();
  await exporter.flush();
  assert.deepEqual(messages(), ["telemetry could not be sent and is dropped"]);
  there = true;
  await exporter.flush();
  assert.deepEqual(messages(), ["telemetry could not be sent and is dropped", "telemetry is sent again"]);
});

test("a redirect is a failure: nothing is sent where the configuration does not say", async (context) => {
  const asked: string[] = [];
  const { exporter, messages } = await exporting(context, (request, response) => {
    asked.push(request.url ?? "");
    request.resume();
    response.writeHead(307, { location: "/elsewhere" }).end();
  });
  await exporter.flush();
  assert.deepEqual(asked, ["/v1/traces"]);
  assert.equal(messages().length, 1);
});

test("without spans nothing is sent, and the end of it waits for what is being sent", async (context) => {
  let asked = 0;
  const { exporter } = await exporting(
    context,
    (request, response) => {
      asked += 1;
      request.resume();
      response.end();
    },
    [],
  );
  await exporter.flush();
  await exporter.close();
  assert.equal(asked, 0);
});

test("a caller's trace goes on with its own verdict; others are traced as often as is said", () => {
  const numbers = [0.1, 0.9];
  const tracer = new Tracer(0.5, () => numbers.shift() as number);
  const trace = "0af7651916cd43dd8448eb211c80319c";
  for (const [given, parent] of [
    [`00-${trace}-b7ad6b7169203331-01`, "b7ad6b7169203331"],
    [`00-${trace}-b7ad6b7169203331-00`, undefined],
    [undefined, ""],
    [undefined, undefined],
  ] as const) {
    const span = tracer.begin("Sign", given, "r");
    const sampled = parent !== undefined;
    assert.match(span.traceparent, new RegExp(`^00-[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0${sampled ? 1 : 0}$`));
    if (given !== undefined) assert.ok(span.traceparent.includes(trace));
    assert.ok(!span.traceparent.includes("b7ad6b7169203331"), "the vault's parent is the gateway's span");
    span.end("OK");
    assert.deepEqual(
      tracer.buffer.take().spans.map(({ parentId }) => parentId),
      sampled ? [parent] : [],
    );
  }
});

test("malformed traces begin anew", () => {
  const tracer = new Tracer(1);
  const zeros = "0".repeat(32);
  for (const given of [
    "",
    "x",
    `00-${zeros}-b7ad6b7169203331-01`,
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  ]) {
    tracer.begin("Sign", given, "r").end("OK");
    const [span] = tracer.buffer.take().spans;
    assert.equal(span?.parentId, "");
    assert.ok(given === "" || !given.includes(span?.traceId ?? ""));
  }
});

test("spans that nobody takes away are bounded, and what is dropped is counted", () => {
  const tracer = new Tracer(1);
  for (let index = 0; index < 3_000; index += 1) tracer.begin("Sign", undefined, "r").end("OK");
  const { spans, dropped } = tracer.buffer.take();
  assert.deepEqual([spans.length, dropped], [2_048, 952]);
});
