/**
 * Sinks on a real server: events go out by webhook and file, verified by an independent implementation of Standard Webhooks, and
 * nobody sees in a sink what they may not read in the log.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { Webhook } from "standardwebhooks";
import { newFolder, startServer, until, type TestServer } from "../server.ts";

let server: TestServer;
const folder = newFolder();
const events = join(folder, "events");

before(async () => {
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "1",
      "-subj",
      "/CN=receiver",
      "-addext",
      "subjectAltName=IP:127.0.0.1,DNS:localhost",
      "-keyout",
      join(folder, "key.pem"),
      "-out",
      join(folder, "cert.pem"),
    ],
    { stdio: "ignore" },
  );
  const settings = [
    "connector.allowed_addresses=[127.0.0.1]",
    `connector.ca_path=${join(folder, "cert.pem")}`,
    `sinks.files_dir=${events}`,
  ];
  server = await startServer({ flags: settings.flatMap((one) => ["--set", one]) });
});
after(() => server.stop());

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A receiver over TLS that keeps what it gets, and answers as it is told. */
async function receiver(t: TestContext, status: (received: Received) => number = () => 204) {
  const held: Received[] = [];
  const listener = async (asked: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await asked.toArray()).toString();
    const received = { headers: asked.headers as Record<string, string>, body };
    const answer = status(received);
    if (answer < 300) held.push(received);
    reply.writeHead(answer, answer === 302 ? { location: "/elsewhere" } : {}).end();
  };
  const listening = createTlsServer({ key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) }, listener);
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  t.after(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return { url: `https://127.0.0.1:${(listening.address() as AddressInfo).port}/events`, held };
}

async function ok(method: string, path: string, body?: object) {
  const reply = await server.rest(method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

const text = (base64: string): string => Buffer.from(base64, "base64").toString();
const typeOf = ({ body }: Received): string => (JSON.parse(body) as { type: string }).type;
const keyOf = ({ body }: Received): string => (JSON.parse(body) as { data: { event: { key: string } } }).data.event.key;

test("a webhook gets what happens from its beginning on, in order, signed as Standard Webhooks say", async (t) => {
  const { url, held } = await receiver(t);
  const { sink, secret } = await ok("POST", "/api/v1/sinks", {
    name: "siem",
    target: { webhook: { url, x_webhook_headers: true, headers: [{ name: "X-Team", value: "blue" }] } },
    filter: { include_events: ["key.created", "key.deleted"] },
  });
  assert.match(text(secret), /^whsec_[A-Za-z0-9+/]{43}=$/);
  for (const id of ["one", "two", "three"]) await ok("POST", "/api/v1/keys", { key_id: id, algorithm: "Ed25519" });
  await ok("POST", "/api/v1/keys/one/sign", { data: "YQ==" });
  await ok("DELETE", "/api/v1/keys/two");
  await until("four events", () => held.length >= 4);
  assert.deepEqual(
    held.map((one) => [typeOf(one), keyOf(one)]),
    [
      ["key.created", "one"],
      ["key.created", "two"],
      ["key.created", "three"],
      ["key.deleted", "two"],
    ],
  );
  const judge = new Webhook(text(secret));
  const keyBytes = Buffer.from(text(secret).slice("whsec_".length), "base64");
  for (const { headers, body } of held) {
    const payload = judge.verify(body, headers) as { id: string; timestamp: string; namespace: string };
    assert.equal(payload.id, headers["webhook-id"]);
    assert.match(payload.id, /^evt_[0-9a-f]{32}$/);
    assert.equal(payload.namespace, "default");
    assert.equal(headers["x-team"], "blue");
    assert.equal(headers["x-webhook-id"], payload.id);
    assert.equal(headers["x-webhook-event"], (JSON.parse(body) as { type: string }).type);
    const old = createHmac("sha256", keyBytes).update(`${headers["x-webhook-timestamp"]}.${body}`).digest("hex");
    assert.equal(headers["x-webhook-signature"], `sha256=${old}`);
    assert.throws(() => judge.verify(`${body} `, headers));
  }
  const shown = await ok("GET", `/api/v1/sinks/${sink.sink_id}`);
  assert.equal(shown.sink.status.state, "delivering");
  assert.equal(JSON.stringify(shown).includes(text(secret).slice(6)), false);
  await ok("DELETE", `/api/v1/sinks/${sink.sink_id}`);
});

test("a file has every line of the log as the log has it, also when the process that delivers is killed in between", async () => {
  const { sink } = await ok("POST", "/api/v1/sinks", {
    name: "archive",
    target: { file: { file: "all.log" } },
    filter: { min_severity: "debug" },
  });
  const lines = (): string[] =>
    existsSync(join(events, "all.log")) ? readFileSync(join(events, "all.log"), "utf8").split("\n").slice(0, -1) : [];
  for (let index = 0; index < 5; index += 1) await ok("POST", "/api/v1/keys/one/sign", { data: "YQ==" });
  await until("some lines", () => lines().length >= 5);
  server.kill("connector");
  for (let index = 0; index < 5; index += 1) await ok("POST", "/api/v1/keys/one/sign", { data: "Yg==" });
  await until("the rest", () => new Set(lines()).size >= 11);
  const logged = (await ok("GET", "/api/v1/audit?page_size=1000")).events as { canonical: string; mac: string; sequence: string }[];
  const bySequence = new Map(logged.map(({ sequence, canonical, mac }) => [sequence, `{"event":${canonical},"mac":"${mac}"}`]));
  const held = [...new Set(lines())];
  const numbers = held.map((line) => (JSON.parse(line) as { event: { sequence: number } }).event.sequence);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => (numbers[0] as number) + index),
    "without a gap",
  );
  for (const line of held) {
    const { sequence } = (JSON.parse(line) as { event: { sequence: number } }).event;
    const known = bySequence.get(String(sequence));
    if (known !== undefined) assert.equal(line, known);
  }
  assert.ok(held.filter((line) => [...bySequence.values()].includes(line)).length >= 11);
  await ok("DELETE", `/api/v1/sinks/${sink.sink_id}`);
});

test("TestSink says how an attempt went, a new secret signs beside the former one, and what was refused can be delivered later", async (t) => {
  let poison = "";
  const { url, held } = await receiver(t, (received) => (poison !== "" && received.body.includes(poison) ? 422 : 200));
  const { sink, secret } = await ok("POST", "/api/v1/sinks", {
    name: "picky",
    target: { webhook: { url, format: "cloudevents" } },
    filter: { include_events: ["key.created"] },
    retry: { max_retries: 1, delay_ms: 10 },
  });
  const path = `/api/v1/sinks/${sink.sink_id}`;
  assert.equal((await ok("POST", `${path}/test`, {})).delivery.outcome, "delivered");
  assert.equal((JSON.parse(held[0]?.body ?? "") as { type: string }).type, "sink.test");
  poison = "bad-key";
  for (const id of ["bad-key", "good-key"]) await ok("POST", "/api/v1/keys", { key_id: id, algorithm: "Ed25519" });
  await until("the good one", () => held.length === 2);
  const { dead_letters: aside, deliveries } = await ok("GET", `${path}/deliveries`);
  assert.equal(aside.length, 1);
  assert.match(aside[0].reason, /422/);
  assert.ok((deliveries as { outcome: string }[]).some(({ outcome }) => outcome === "refused"));
  poison = "";
  const renewed = await ok("POST", `${path}/secret`, { overlap_seconds: 600 });
  const again = await ok("POST", `${path}/redeliver`, { sequence: aside[0].sequence });
  assert.equal(again.delivery.outcome, "delivered");
  const { headers, body } = held.at(-1) as Received;
  assert.equal(headers["webhook-id"], aside[0].event_id);
  for (const one of [secret, renewed.secret]) new Webhook(text(one)).verify(body, headers);
  assert.deepEqual((await ok("GET", `${path}/deliveries`)).dead_letters ?? [], []);
  await ok("DELETE", path);
});

test("what may not be dialled or spoken is refused when the sink is made, or waits and says why", async () => {
  const refused = async (webhook: object, detail: RegExp): Promise<void> => {
    const { status, body } = await server.rest("POST", "/api/v1/sinks", { name: "x", target: { webhook } });
    assert.equal(status, 400);
    assert.match(body.detail, detail);
  };
  await refused({ url: "http://example.com/" }, /https/);
  await refused({ url: "https://user:secret@example.com/" }, /address/);
  await refused({ url: "https://example.com/", headers: [{ name: "Host", value: "x" }] }, /Host/);
  const { sink } = await ok("POST", "/api/v1/sinks", { name: "inside", target: { webhook: { url: "https://169.254.169.254/latest" } } });
  const { delivery } = await ok("POST", `/api/v1/sinks/${sink.sink_id}/test`, {});
  assert.equal(delivery.outcome, "unavailable");
  assert.match(delivery.detail, /may not be dialled/);
  await ok("DELETE", `/api/v1/sinks/${sink.sink_id}`);
});
