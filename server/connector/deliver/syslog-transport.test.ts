import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { syslogMessage } from "./syslog-message.ts";
import { SyslogStream, sendAsDatagrams } from "./syslog-transport.ts";

const LOOPBACK = (address: string): boolean => address === "127.0.0.1" || address === "::1";
const eventOf = (sequence: number, text: string): Buffer =>
  syslogMessage({ severity: "notice", time: "2026-01-31T12:00:00.000Z", hostname: "hsm", type: "key.used", version: "1", sequence, text });
/** Sends over a stream of its own. */
async function send(t: TestContext, messages: readonly Buffer[], port: number, mayDial = LOOPBACK, timeoutMs = 30_000): Promise<void> {
  const stream = new SyslogStream({ host: "127.0.0.1", port }, mayDial);
  t.after(() => stream.close());
  await stream.send(messages, timeoutMs);
}
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

/** A receiver of our own, for what a real one would never do. */
async function receiver(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    onConnection(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a receiver that closes before it has everything, or breaks the connection, has not got the batch", async (t) => {
  const early = await receiver(t, (socket) => socket.end().on("error", () => undefined));
  const broken = await receiver(t, (socket) => socket.once("data", () => socket.resetAndDestroy()).on("error", () => undefined));
  // More than any buffer on the way holds, so that an end in the middle is one.
  const large = [eventOf(1, "x".repeat(64 * 1024 * 1024))];
  await assert.rejects(send(t, large, early));
  await assert.rejects(send(t, large, broken));
});

test("a receiver that never closes is given up when the time is over", async (t) => {
  const port = await receiver(t, (socket) => void socket.resume().on("error", () => undefined));
  await assert.rejects(send(t, [eventOf(1, "a")], port, LOOPBACK, 400), { name: "TimeoutError" });
});

test("a receiver that reads nothing and closes in good order has not got the batch", async (t) => {
  const port = await receiver(t, (socket) => void socket.end().on("error", () => undefined));
  await assert.rejects(send(t, [eventOf(1, "a")], port), /closed at once/);
});

test("a connection that its receiver closed while it waited for the next batch costs nothing", async (t) => {
  const sockets: Socket[] = [];
  const second = Promise.withResolvers<void>();
  const port = await receiver(t, (socket) => {
    if (sockets.push(socket) === 2) second.resolve();
    socket.resume().on("error", () => undefined);
    socket.once("end", () => socket.end());
  });
  const stream = new SyslogStream({ host: "127.0.0.1", port }, LOOPBACK);
  t.after(() => stream.close());
  await stream.send([eventOf(1, "a")], 30_000);
  await second.promise;
  const idle = sockets[1] as Socket;
  idle.end();
  await once(idle, "close");
  await stream.send([eventOf(2, "b")], 30_000);
});

test("no connection and no datagram goes to an address that may not be dialled", async (t) => {
  const none = (): boolean => false;
  await assert.rejects(send(t, [eventOf(1, "a")], 9, none), /may not be dialled/);
  await assert.rejects(sendAsDatagrams([eventOf(1, "a")], { host: "localhost", port: 9 }, none, soon()), /may be dialled/);
});

test("datagrams arrive one for each message", async (t) => {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const messages = [eventOf(1, "first"), eventOf(2, 'second ] \\ "')];
  const arrived: Buffer[] = [];
  const all = new Promise<void>((done) => socket.on("message", (message) => void (arrived.push(message) === messages.length && done())));
  await sendAsDatagrams(messages, { host: "127.0.0.1", port: socket.address().port }, LOOPBACK, soon());
  await all;
  assert.deepEqual(arrived, messages);
});
