/** The process that delivers, asked as the vault asks it: every question has its answer in time, whatever receivers do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import {
  DELIVER_CALL,
  decodeDeliverAnswer,
  decodeOpenSinkAnswer,
  encodeCloseSink,
  encodeDeliver,
  encodeOpenSink,
  type DeliverAnswer,
} from "@keystead/channel/deliver-call";
import { deliverer } from "./deliver.ts";
import { logLine, surroundings } from "./testing.ts";

interface Asked {
  readonly sink?: string;
  readonly revision?: number;
  readonly timeoutMs?: number;
}

function asking(lateMs?: number) {
  const answers = deliverer({ ...surroundings(), ...(lateMs === undefined ? {} : { lateMs }) });
  const ask = (call: number, payload: Buffer): Promise<Buffer> =>
    (answers.get(call) as (asked: { payload: Buffer }) => Promise<Buffer>)({ payload });
  return {
    async open(target: unknown, { sink = "sink-1", revision = 1, timeoutMs = 60_000 }: Asked = {}): Promise<void> {
      const secrets = "webhook" in (target as object) ? [Buffer.alloc(32, 1)] : [];
      const answer = await ask(DELIVER_CALL.open, encodeOpenSink({ sink, revision, target, source: "urn:test", timeoutMs, secrets }));
      assert.deepEqual(decodeOpenSinkAnswer(answer), { open: true });
    },
    async deliver({ sink = "sink-1", revision = 1 }: Asked = {}, budgetMs = 1): Promise<DeliverAnswer> {
      const lines = Buffer.from(`${logLine(1)}\n${logLine(2)}\n`);
      return decodeDeliverAnswer(await ask(DELIVER_CALL.deliver, encodeDeliver({ sink, revision, budgetMs, lines })), 2);
    },
    close: (sink = "sink-1") => ask(DELIVER_CALL.close, encodeCloseSink(sink)),
  };
}

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const hook = async (t: TestContext, answer: RequestListener) => ({
  webhook: { url: `http://127.0.0.1:${await listening(t, createHttp(answer))}/` },
});
const good: RequestListener = (asked, reply) => void asked.resume().on("end", () => reply.writeHead(204).end());
const failed = (answer: DeliverAnswer): string | undefined => ("unknown" in answer ? "unknown" : answer.failure?.kind);

test("a sink that is opened anew waits for nothing that the former one is waiting for", async (t) => {
  const reached = Promise.withResolvers<void>();
  const silent = await hook(t, () => reached.resolve());
  const { open, deliver } = asking();
  await open(silent);
  const waiting = deliver();
  await reached.promise;
  await open(await hook(t, good), { revision: 2 });
  assert.deepEqual(await deliver({ revision: 2 }, 10_000), { delivered: 2 });
  assert.equal(failed(await waiting), "unavailable");
});

test("a sink that is closed ends what is under way", async (t) => {
  const reached = Promise.withResolvers<void>();
  const { open, deliver, close } = asking();
  await open(await hook(t, () => reached.resolve()));
  const waiting = deliver();
  await reached.promise;
  await close();
  assert.equal(failed(await waiting), "unavailable");
  assert.equal(failed(await deliver()), "unknown");
});

test("a syslog receiver that takes everything and never closes holds up nobody who opens the sink anew", async (t) => {
  const reached = Promise.withResolvers<void>();
  const port = await listening(
    t,
    createServer({ allowHalfOpen: true }, (socket) => void socket.once("data", () => reached.resolve())),
  );
  const { open, deliver } = asking();
  await open({ syslog: { host: "127.0.0.1", port, transport: "SYSLOG_TRANSPORT_TCP" } });
  const waiting = deliver();
  await reached.promise;
  await open({ syslog: { host: "127.0.0.1", port, transport: "SYSLOG_TRANSPORT_TCP" } }, { revision: 2 });
  assert.equal(failed(await waiting), "unavailable");
});

test("an attempt that takes longer than its sink promised is given up, and the sink can be opened again", async (t) => {
  const timeoutMs = 400;
  // Each step within the time-out of its own, and all of them together beyond it.
  const port = await listening(
    t,
    createServer((socket) => {
      const info = { server_id: "x", version: "2.10.0", headers: true, max_payload: 1_048_576, jetstream: true, proto: 1 };
      setTimeout(() => socket.write(`INFO ${JSON.stringify(info)}\r\n`), timeoutMs * 0.75);
      socket.on("data", (chunk: Buffer) => chunk.includes("PING\r\n") && socket.write("PONG\r\n"));
    }),
  );
  const { open, deliver } = asking(1);
  await open({ nats: { host: "127.0.0.1", port, subject: "events", plaintext: true } }, { timeoutMs });
  assert.deepEqual(await deliver(), { delivered: 0, failure: { kind: "unavailable", reason: "it took too long and was given up" } });
  // It is asked again until what was given up has ended.
  const target = await hook(t, good);
  const opened = async (): Promise<boolean> =>
    open(target, { revision: 2 }).then(
      () => true,
      () => false,
    );
  while (!(await opened())) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await deliver({ revision: 2 }, 10_000), { delivered: 2 });
});

test("one sink's receiver that never answers takes no time of another's", async (t) => {
  const { open, deliver } = asking();
  const reached = Promise.withResolvers<void>();
  await open(await hook(t, () => reached.resolve()), { sink: "slow" });
  await open(await hook(t, good), { sink: "quick" });
  const waiting = deliver({ sink: "slow" });
  await reached.promise;
  assert.deepEqual(await deliver({ sink: "quick" }, 10_000), { delivered: 2 });
  await open(await hook(t, good), { sink: "slow", revision: 2 });
  await waiting;
});

/** What a receiver may do besides answering. */
const HOSTILE: Readonly<Record<string, (socket: Socket) => void>> = {
  "headers without end": (socket) => {
    const more = (): void =>
      void (socket.writable && socket.write(`x-${"a".repeat(500)}: ${"b".repeat(500)}\r\n`, () => setImmediate(more)));
    socket.write("HTTP/1.1 200 OK\r\n", more);
  },
  "provisional answers without end": (socket) => {
    const more = (): void =>
      void (socket.writable && socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", () => setImmediate(more)));
    more();
  },
  "a body a byte at a time": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    const timer = setInterval(() => socket.writable && socket.write("1\r\na\r\n"), 20);
    socket.on("close", () => clearInterval(timer));
  },
  "another protocol": (socket) => void socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
  "two lengths": (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
  "what is no HTTP": (socket) => void socket.write("\u0000\u0001\u0002 nothing\r\n\r\n"),
  "a redirect to this machine": (socket) =>
    void socket.write("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
  "nothing at all": () => undefined,
};

for (const [what, answer] of Object.entries(HOSTILE))
  test(`a receiver that answers with ${what} costs the attempt its time and no more`, async (t) => {
    const port = await listening(
      t,
      createServer((socket) => void socket.once("data", () => answer(socket)).resume()),
    );
    const { open, deliver } = asking();
    await open({ webhook: { url: `http://127.0.0.1:${port}/` } }, { timeoutMs: 300 });
    const answered = await deliver();
    assert.equal(failed(answered), "unavailable", JSON.stringify(answered));
    assert.ok(!("unknown" in answered) && answered.delivered === 0);
    assert.notEqual(answered.failure?.reason, "it took too long and was given up", "it ends by itself and need not be given up");
  });
