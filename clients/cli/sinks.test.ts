/** sinks against stand-ins for the client: what is asked, what is printed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runIn } from "./recording-shell.ts";

const SINK = {
  sinkId: "sink-0123456789abcdef",
  name: "siem",
  namespace: "",
  enabled: true,
  target: { webhook: { url: "https://siem.example/" } },
  filter: { preset: "security_only", includeEvents: ["auth.*"], minSeverity: "warning" },
  retry: {},
  createdBy: "cert:admin",
  createdAt: new Date(0),
  status: { state: "delivering", position: 7n, behind: 2n, deadLetters: 1, delivered: 5n, lastError: "", missed: 0n },
};
const DELIVERY = { time: new Date(0), firstSequence: 3n, lastSequence: 5n, delivered: 3, outcome: "delivered", detail: "", durationMs: 12 };

async function run(answers: Readonly<Record<string, unknown>>, ...line: readonly string[]) {
  const asked: Record<string, unknown>[] = [];
  const client = Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [
      name,
      (request: Record<string, unknown>) => {
        asked.push(request);
        return answer;
      },
    ]),
  );
  const { out, err, exit } = await runIn({ client: client as never }, ...line);
  return { asked, out: out.toString(), err, exit };
}

test("create asks for what its options say, and shows the secret that was made", async () => {
  const made = { sink: SINK, secret: Buffer.from("whsec_abc") };
  const line = ["sinks", "create", "siem", "--webhook", "https://siem.example/", "--header", "X-Team: blue", "--event", "auth.*"];
  const { asked, out, exit } = await run({ createSink: made }, ...line, "--severity", "warning", "--retries", "0", "--from", "9");
  assert.equal(exit, 0);
  const [request] = asked;
  assert.equal(request?.["name"], "siem");
  assert.equal(request?.["fromSequence"], 9n);
  assert.deepEqual((request?.["target"] as typeof SINK.target & { webhook: { headers: unknown } }).webhook.headers, [
    { name: "X-Team", value: "blue" },
  ]);
  assert.equal((request?.["filter"] as { minSeverity: string }).minSeverity, "warning");
  assert.equal((request?.["retry"] as { maxRetries: number }).maxRetries, 0);
  assert.match(out, /sink-0123456789abcdef/);
  assert.match(out, /whsec_abc/);
  assert.match(out, /security_only, auth\.\*, warning or graver/);
});

test("create and update refuse what cannot be meant, and ask nothing", async () => {
  for (const line of [
    ["create", "x"],
    ["create", "x", "--webhook", "https://a.example/", "--file", "a.log"],
    ["create", "x", "--webhook", "https://a.example/", "--severity", "loud"],
    ["create", "x", "--webhook", "https://a.example/", "--format", "xml"],
    ["create", "x", "--webhook", "https://a.example/", "--header", "no colon"],
    ["create", "x", "--target", "[1]"],
    ["update", SINK.sinkId, "--enable", "--disable"],
    ["update", SINK.sinkId, "--format", "cef"],
    ["redeliver", SINK.sinkId, "first"],
  ]) {
    const { asked, exit } = await run({ createSink: {}, updateSink: {}, redeliverDelivery: {} }, "sinks", ...line);
    assert.deepEqual([exit, asked.length], [2, 0], line.join(" "));
  }
});

test("any kind of target can be given as JSON", async () => {
  const { asked, exit } = await run(
    { createSink: { sink: SINK, secret: Buffer.alloc(0) } },
    "sinks",
    "create",
    "x",
    "--target",
    '{"syslog":{"host":"log.example"}}',
  );
  assert.equal(exit, 0);
  assert.deepEqual(asked[0]?.["target"], { syslog: { host: "log.example" } });
});

test("each kind of target has options of its own", async () => {
  const target = async (...args: string[]): Promise<unknown> => {
    const { asked, exit, err } = await run({ createSink: { sink: SINK, secret: Buffer.alloc(0) } }, "sinks", "create", "x", ...args);
    assert.equal(exit, 0, err);
    return JSON.parse(JSON.stringify(asked[0]?.["target"])) as unknown;
  };
  assert.deepEqual(await target("--syslog", "tls://log.example:6515", "--format", "cef"), {
    syslog: { host: "log.example", port: 6515, transport: "tls", format: "cef" },
  });
  assert.deepEqual(await target("--syslog", "udp://[2001:db8::1]"), { syslog: { host: "2001:db8::1", transport: "udp" } });
  assert.deepEqual(await target("--nats", "nats.example", "--subject", "audit.events", "--plaintext"), {
    nats: { host: "nats.example", subject: "audit.events", plaintext: true },
  });
  assert.deepEqual(await target("--kafka", "a:9092", "--kafka", "b:9092", "--topic", "audit", "--sasl", "scram-sha-512"), {
    kafka: { brokers: ["a:9092", "b:9092"], topic: "audit", sasl: "scram_sha_512" },
  });
  assert.deepEqual(await target("--otlp", "https://c.example/v1/logs", "--header", "X-Tenant: a"), {
    otlpLogs: { url: "https://c.example/v1/logs", headers: [{ name: "X-Tenant", value: "a" }] },
  });
});

test("an option of another kind, a place that is none, and what is missing are refused before anything is asked", async () => {
  for (const args of [
    ["--syslog", "log.example"],
    ["--syslog", "tls://log.example:70000"],
    ["--nats", "nats.example"],
    ["--kafka", "a:9092"],
    ["--kafka", "a:9092", "--topic", "t", "--sasl", "gssapi"],
    ["--file", "a.log", "--subject", "s"],
    ["--webhook", "https://a.example/", "--plaintext"],
    ["--syslog", "tls://a.example", "--nats", "b.example", "--subject", "s"],
  ]) {
    const { asked, exit } = await run({}, "sinks", "create", "x", ...args);
    assert.deepEqual([exit, asked.length], [2, 0], args.join(" "));
  }
});

test("update sends only what is named, and rotate-secret its overlap", async () => {
  const { asked } = await run({ updateSink: SINK }, "sinks", "update", SINK.sinkId, "--disable");
  assert.deepEqual(
    Object.entries(asked[0] ?? {}).filter(([, value]) => value !== undefined),
    [
      ["sinkId", SINK.sinkId],
      ["enabled", false],
    ],
  );
  const rotated = await run(
    { rotateSinkSecret: { sink: SINK, secret: Buffer.from("whsec_new") } },
    "sinks",
    "rotate-secret",
    SINK.sinkId,
    "--overlap",
    "1d",
  );
  assert.equal(rotated.asked[0]?.["overlapSeconds"], 86_400);
  assert.match(rotated.out, /whsec_new/);
});

test("list, show and deliveries print what there is; test and redeliver say by their exit status whether it arrived", async () => {
  assert.match((await run({ listSinks: [SINK] }, "sinks", "list")).out, /siem +all +https:\/\/siem\.example\/ +delivering +2 +1/);
  assert.match((await run({ getSink: SINK }, "sinks", "show", SINK.sinkId)).out, /behind +2/);
  const gap = { ...SINK, status: { ...SINK.status, missed: 4n } };
  assert.match((await run({ getSink: gap }, "sinks", "show", SINK.sinkId)).out, /missed +4/);
  const aside = { sequence: 4n, eventId: "evt_1", type: "key.created", reason: "status 422", time: new Date(0) };
  const { out } = await run({ listDeliveries: { deliveries: [DELIVERY], deadLetters: [aside] } }, "sinks", "deliveries", SINK.sinkId);
  assert.match(out, /3-5 +3 +delivered +12/);
  assert.match(out, /4 +key\.created +status 422/);
  assert.equal((await run({ testSink: DELIVERY }, "sinks", "test", SINK.sinkId)).exit, 0);
  const failed = { ...DELIVERY, delivered: 0, outcome: "unavailable", detail: "ECONNREFUSED" };
  const again = await run({ redeliverDelivery: failed }, "sinks", "redeliver", SINK.sinkId, "42");
  assert.deepEqual([again.exit, again.asked[0]?.["sequence"]], [9, 42n]);
  assert.match(again.out, /ECONNREFUSED/);
  assert.equal((await run({ deleteSink: {} }, "sinks", "delete", SINK.sinkId, "--yes")).exit, 0);
});
