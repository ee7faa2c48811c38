import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { KafkaConnection } from "./connection.ts";
import { Writer } from "./wire.ts";

/** Connects to somebody who answers the first request like this. */
async function opened(t: TestContext, answer: (socket: Socket, correlation: number) => void): Promise<KafkaConnection> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (request: Buffer) => answer(socket, request.readInt32BE(8)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const to = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  return KafkaConnection.open(to, undefined, () => true, AbortSignal.timeout(5000));
}

const framed = (body: Buffer): Buffer => new Writer().bytes(body).done();
const versions = (correlation: number, ranges: readonly (readonly [number, number, number])[]): Buffer =>
  framed(
    (() => {
      const writer = new Writer().int32(correlation).int16(0);
      return writer.array(ranges, ([key, oldest, newest]) => writer.int16(key).int16(oldest).int16(newest)).done();
    })(),
  );

test("a broker that speaks what is needed is spoken to, in however many pieces it answers", async (t) => {
  const connection = await opened(t, (socket, correlation) => {
    const bytes = versions(correlation, [
      [0, 3, 12],
      [3, 0, 13],
      [22, 0, 5],
    ]);
    socket.setNoDelay(true);
    for (const byte of bytes) socket.write(Buffer.from([byte]));
  });
  assert.ok(connection.usable);
  connection.close();
});

test("a broker that lacks a version, and whoever speaks no Kafka, is named as that", async (t) => {
  const lacking = opened(t, (socket, correlation) =>
    socket.write(
      versions(correlation, [
        [0, 4, 12],
        [3, 0, 13],
        [22, 0, 5],
      ]),
    ),
  );
  await assert.rejects(lacking, { detail: "the broker does not speak Produce 3" });
  await assert.rejects(
    opened(t, (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")),
    { message: "what answers is no Kafka broker" },
  );
  await assert.rejects(
    opened(t, (socket, correlation) => socket.write(versions(correlation + 1, []))),
    { message: "the broker answered another question" },
  );
  await assert.rejects(
    opened(t, (socket, correlation) => socket.write(framed(new Writer().int32(correlation).done()))),
    { message: "the broker's answer is cut short" },
  );
  await assert.rejects(
    opened(t, (socket) => socket.end()),
    { detail: "the broker closed the connection" },
  );
});
