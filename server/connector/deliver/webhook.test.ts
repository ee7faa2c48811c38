/** Webhooks: what is signed and how, where they may go, and what a receiver can do to them. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { SinkFormat, WebhookTargetSchema } from "@keystead/contract/generated/hsm/sinks_pb";
import { Webhook } from "standardwebhooks";
import { addressRule } from "../fetch/addresses.ts";
import { sinkEvent } from "./event.ts";
import { UnusableTarget, type Sink, type Surroundings } from "./sink.ts";
import { logLine, sinkEvents, surroundings } from "./testing.ts";
import { webhookSink } from "./webhook.ts";

const SECRETS = [Buffer.alloc(32, 1), Buffer.alloc(24, 2)];
const always = (): boolean => true;

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

function open(t: TestContext, target: MessageInitShape<typeof WebhookTargetSchema>, more: Partial<Surroundings> = {}): Sink {
  const sink = webhookSink(create(WebhookTargetSchema, target), SECRETS, surroundings(more));
  t.after(() => sink.close());
  return sink;
}

/** A receiver that keeps every request and answers 204. */
async function keeping(t: TestContext) {
  const held: { headers: IncomingMessage["headers"]; body: string }[] = [];
  const url = await serve(t, async (asked, reply) => {
    held.push({ headers: asked.headers, body: Buffer.concat(await asked.toArray()).toString() });
    reply.writeHead(204).end();
  });
  return { url, held };
}

test("each secret signs, newest first, and the Standard Webhooks library accepts either", async (t) => {
  const { url, held } = await keeping(t);
  assert.deepEqual(await open(t, { url }).deliver(sinkEvents(1, 1), always), { delivered: 1 });
  const [{ headers, body } = { headers: {}, body: "" }] = held;
  const signatures = String(headers["webhook-signature"]).split(" ");
  assert.equal(signatures.length, 2);
  const signed = `${headers["webhook-id"] as string}.${headers["webhook-timestamp"] as string}.${body}`;
  assert.deepEqual(
    signatures,
    SECRETS.map((secret) => `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`),
  );
  for (const secret of SECRETS) new Webhook(`whsec_${secret.toString("base64")}`).verify(body, headers as Record<string, string>);
  assert.throws(() => new Webhook(`whsec_${Buffer.alloc(32, 3).toString("base64")}`).verify(body, headers as Record<string, string>));
  assert.equal(headers["x-webhook-signature"], undefined);
});

test("an event has the same id and body at every attempt, whatever the time", async (t) => {
  const { url, held } = await keeping(t);
  let now = 1_800_000_000_000;
  const sink = open(t, { url }, { now: () => (now += 60_000) });
  for (const _ of [1, 2]) await sink.deliver(sinkEvents(7, 7), always);
  const [one, two] = held;
  assert.equal(one?.headers["webhook-id"], two?.headers["webhook-id"]);
  assert.equal(one?.body, two?.body);
  assert.notEqual(one?.headers["webhook-timestamp"], two?.headers["webhook-timestamp"]);
});

test("a CloudEvent goes whole in the body, or with its attributes in headers that no value can break out of", async (t) => {
  const { url, held } = await keeping(t);
  const event = sinkEvent(logLine(3, { key: 'k"1\r\nx-evil: 1 é%' }));
  await open(t, { url, format: SinkFormat.CLOUDEVENTS }).deliver([event], always);
  await open(t, { url, format: SinkFormat.CLOUDEVENTS_BINARY }).deliver([event], always);
  const [whole, split] = held;
  const subject = 'default/k"1\r\nx-evil: 1 é%';
  const attributes = {
    specversion: "1.0",
    id: event.id,
    source: "urn:keystead:test",
    type: "key.created",
    subject,
    time: event.event.time,
  };
  assert.match(String(whole?.headers["content-type"]), /^application\/cloudevents\+json/);
  const body = JSON.parse(whole?.body ?? "") as Record<string, unknown>;
  for (const [name, value] of Object.entries(attributes)) {
    assert.equal(body[name], value);
    assert.equal(decodeURIComponent(String(split?.headers[`ce-${name}`])), value);
  }
  assert.equal(split?.headers["x-evil"], undefined);
  assert.equal(split?.headers["content-type"], "application/json");
  assert.equal(split?.body, event.canonical);
  assert.deepEqual(body["data"], JSON.parse(event.canonical));
});

test("only https is spoken, http to this machine in the development preset alone, and nothing beside an address counts", () => {
  const tried = (url: string, plaintextLoopback: boolean): boolean => {
    try {
      webhookSink(create(WebhookTargetSchema, { url }), SECRETS, surroundings({ plaintextLoopback })).close();
      return true;
    } catch (error) {
      assert.ok(error instanceof UnusableTarget);
      return false;
    }
  };
  assert.ok(tried("https://x.example/", false));
  for (const url of ["http://localhost:1/", "http://127.0.0.1/", "http://[::1]/"])
    assert.deepEqual([tried(url, true), tried(url, false)], [true, false], url);
  for (const url of [
    "http://x.example/",
    "http://127.0.0.1.x.example/",
    "http://localhost.x.example/",
    "http://10.0.0.1/",
    "https://user:pass@x.example/",
    "https://x.example/#a",
    "ftp://x.example/",
    "file:///etc/passwd",
    "x.example",
    "",
  ])
    assert.ok(!tried(url, true), url);
});

test("headers that the sink sets itself, or that change how a request is read, are nobody's to set", () => {
  for (const name of ["Host", "content-length", "Transfer-Encoding", "Webhook-Id", "X-Webhook-Signature", "ce-type", "Connection"])
    assert.throws(
      () =>
        webhookSink(create(WebhookTargetSchema, { url: "https://x.example/", headers: [{ name, value: "x" }] }), SECRETS, surroundings()),
      UnusableTarget,
      name,
    );
});

test("an address that may not be dialled is not, by number or by name, and nothing is sent", async (t) => {
  let asked = 0;
  const url = await serve(t, (_asked, reply) => {
    asked += 1;
    reply.end();
  });
  const { port } = new URL(url);
  for (const host of ["127.0.0.1", "localhost"]) {
    const sink = open(t, { url: `http://${host}:${port}/` }, { mayDial: addressRule([]) });
    const { delivered, failure } = await sink.deliver(sinkEvents(1, 1), always);
    assert.equal(delivered, 0);
    assert.match(failure?.reason ?? "", /may (?:not )?be dialled/, host);
  }
  assert.equal(asked, 0);
});

test("a redirect is a failure and is not followed", async (t) => {
  const { url: elsewhere, held } = await keeping(t);
  const url = await serve(t, (_asked, reply) => void reply.writeHead(307, { location: elsewhere }).end());
  const { failure } = await open(t, { url }).deliver(sinkEvents(1, 1), always);
  assert.deepEqual(failure, { kind: "unavailable", reason: "the receiver answered with status 307" });
  assert.equal(held.length, 0);
});

test("statuses about the event refuse it, all others are about the receiver, who may say when to come again", async (t) => {
  let status = 200;
  let later = "";
  const url = await serve(t, (_asked, reply) => void reply.writeHead(status, later === "" ? {} : { "retry-after": later }).end());
  const sink = open(t, { url });
  const kinds: Record<number, string> = {};
  for (status of [200, 201, 204, 400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 503])
    kinds[status] = (await sink.deliver(sinkEvents(1, 1), always)).failure?.kind ?? "delivered";
  const expected: Record<number, string> = { 200: "delivered", 201: "delivered", 204: "delivered" };
  for (const code of [401, 403, 404, 410, 429, 500, 503]) expected[code] = "unavailable";
  for (const code of [400, 409, 413, 415, 422]) expected[code] = "refused";
  assert.deepEqual(kinds, expected);
  status = 429;
  for (const [text, ms] of [
    ["7", 7000],
    ["999999", 3_600_000],
    ["soon", undefined],
  ] as const) {
    later = text;
    assert.equal((await sink.deliver(sinkEvents(1, 1), always)).failure?.retryAfterMs, ms, text);
  }
});

test("a receiver that is silent costs its time-out, one that talks without end costs its connection, and neither more", async (t) => {
  const silent = await serve(t, () => undefined);
  const { failure } = await open(t, { url: silent }, { timeoutMs: 50 }).deliver(sinkEvents(1, 3), always);
  assert.deepEqual(failure, { kind: "unavailable", reason: "no answer in time" });
  let sockets = 0;
  const endless = await serve(t, (asked, reply) => {
    if (asked.socket.listenerCount("close") >= 0) sockets += 1;
    reply.writeHead(200);
    const talk = (): void => {
      while (!reply.destroyed && reply.write("x".repeat(65_536)));
      if (!reply.destroyed) reply.once("drain", talk);
    };
    talk();
  });
  const answer = await open(t, { url: endless }).deliver(sinkEvents(1, 2), always);
  assert.deepEqual([answer, sockets], [{ delivered: 2 }, 2]);
});

test("events go over one connection, one after the other", async (t) => {
  const ports = new Set<number>();
  let under = 0;
  const url = await serve(t, async (asked, reply) => {
    ports.add(asked.socket.remotePort as number);
    assert.equal((under += 1), 1);
    await asked.toArray();
    under -= 1;
    reply.writeHead(204).end();
  });
  assert.deepEqual(await open(t, { url }).deliver(sinkEvents(1, 30), always), { delivered: 30 });
  assert.equal(ports.size, 1);
});
