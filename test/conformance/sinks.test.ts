/**
 * Sinks on a real server: events go out by webhook and file, verified by an independent implementation of Standard Webhooks, and
 * nobody sees in a sink what they may not read in the log.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
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
