import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { syslogMessage } from "./syslog-message.ts";
import { sendAsDatagrams, sendOverStream } from "./syslog-transport.ts";

const LOOPBACK = (address: string): boolean => address === "127.0.0.1" || address === "::1";
const eventOf = (sequence: number, text: string): Buffer =>
  syslogMessage({ severity: "notice", time: "2026-01-31T12:00:00.000Z", hostname: "hsm", type: "key.used", version: "1", sequence, text });
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
  await assert.rejects(sendOverStream(large, { host: "127.0.0.1", port: early }, LOOPBACK, soon()));
  await assert.rejects(sendOverStream(large, { host: "127.0.0.1", port: broken }, LOOPBACK, soon()));
});

test("a receiver that never closes is given up when the time is over", async (t) => {
  const aborter = new AbortController();
  const port = await receiver(t, (socket) => {
    socket.resume().on("error", () => undefined);
    socket.once("end", () => aborter.abort(new Error("time is over")));
  });
  await assert.rejects(sendOverStream([eventOf(1, "a")], { host: "127.0.0.1", port }, LOOPBACK, aborter.signal), /time is over/);
});

test("no connection and no datagram goes to an address that may not be dialled", async () => {
  const none = (): boolean => false;
  await assert.rejects(sendOverStream([eventOf(1, "a")], { host: "127.0.0.1", port: 9 }, none, soon()), /may not be dialled/);
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
