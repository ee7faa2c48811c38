import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import type { SignRequest } from "@keystead/contract/generated/hsm/hsm_pb";
import type { IncomingCall } from "@keystead/channel/peer";
import type { Answers } from "./testing/answering-vault.ts";
import { h2c, http1, http2, raw } from "./testing/http.ts";
import { testGateway } from "./testing/test-gateway.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** Answers that wait until the test lets them go. */
function held(): { readonly answers: Answers; readonly calls: IncomingCall[]; arrived(count: number): Promise<void>; release(): void } {
  const calls: IncomingCall[] = [];
  const waiters: (() => void)[] = [];
  const arrivals: (() => void)[] = [];
  let open = false;
  return {
    calls,
    answers: {
      async Sign({ keyId }: SignRequest, _evidence: unknown, call: IncomingCall) {
        calls.push(call);
        for (const wake of arrivals.splice(0)) wake();
        if (!open) await new Promise<void>((resolve) => waiters.push(resolve));
        return { keyId, signature: Buffer.from("done") };
      },
      GetStatus: () => ({ phase: "open" }),
    } as Answers,
    async arrived(count) {
      while (calls.length < count)
        await new Promise<void>((resolve) => {
          arrivals.push(resolve);
        });
    },
    release() {
      open = true;
      for (const wake of waiters.splice(0)) wake();
    },
  };
}

const until = async (true_: () => boolean): Promise<void> => {
  while (!true_()) await new Promise<void>((resolve) => setImmediate(resolve));
};

test("without a vault requests are refused as retryable, and a new vault takes over on the same connections", async (context) => {
  const { address, vault, rejoin, link } = await testGateway(context, { GetStatus: () => ({ phase: "open" }) });
  const session = h2c(address("developmentGrpc"));
  assert.equal((await http2(session, "/api/v1/status")).json()["phase"], "open");
  vault.peer?.destroy();
  await until(() => !link.connected);
  const refused = await http2(session, "/api/v1/status");
  assert.deepEqual([refused.status, refused.json()["code"], refused.headers["retry-after"]], [503, "PROVIDER_UNAVAILABLE", "1"]);
  assert.equal(refused.json()["nothing_done"], true);
  const ready = await http1(address("health"), "/health/ready");
  assert.equal(ready.status, 503);
  assert.equal((await http1(address("health"), "/health/live")).status, 200);
  await rejoin({ GetStatus: () => ({ phase: "maintenance" }) });
  assert.equal((await http2(session, "/api/v1/status")).json()["phase"], "maintenance");
  session.close();
});

test("requests in flight when the vault is lost say that the outcome is unknown", async (context) => {
  const hold = held();
  const { address, vault } = await testGateway(context, hold.answers);
  const asked = http1(address("health"), "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: "{}" });
  await hold.arrived(1);
  vault.peer?.destroy();
  const reply = await asked;
  assert.equal(reply.status, 503);
  assert.match(reply.json()["detail"] as string, /outcome is unknown/);
  assert.equal("nothing_done" in reply.json(), false, "the vault may have carried it out");
});

test("more requests than may be in flight are refused at once, the others are answered", async (context) => {
  const hold = held();
  const { address } = await testGateway(context, hold.answers, { limits: { maxInFlight: 2 } });
  const session = h2c(address("developmentGrpc"));
  const sign = (): ReturnType<typeof http2> => http2(session, "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: "{}" });
  const first = [sign(), sign()];
  await hold.arrived(2);
  const third = await sign();
  assert.deepEqual([third.status, third.json()["code"], third.headers["retry-after"]], [503, "PROVIDER_UNAVAILABLE", "1"]);
  assert.equal(third.json()["nothing_done"], true);
  hold.release();
  assert.deepEqual(
    (await Promise.all(first)).map(({ status }) => status),
    [200, 200],
  );
  session.close();
});

test("a client that goes away cancels its call in the vault", async (context) => {
  const hold = held();
  const { address } = await testGateway(context, hold.answers);
  const session = h2c(address("developmentGrpc"));
  const stream = session.request({ ":method": "POST", ":path": "/api/v1/keys/k/sign", ...JSON_TYPE });
  stream.on("error", () => undefined);
  stream.end("{}");
  await hold.arrived(1);
  stream.close(8);
  await until(() => hold.calls[0]?.cancelled === true);
  const [host, port] = address("health").split(":") as [string, string];
  const over = request({ host, port, method: "POST", path: "/api/v1/keys/k/sign", headers: JSON_TYPE });
  over.on("error", () => undefined);
  over.end("{}");
  await hold.arrived(2);
  over.destroy();
  await until(() => hold.calls[1]?.cancelled === true);
  hold.release();
  session.close();
});

test("the server's own time limit ends a request", async (context) => {
  const hold = held();
  const { address } = await testGateway(context, hold.answers, { limits: { requestTimeoutSeconds: 0.1 } });
  const reply = await http1(address("health"), "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: "{}" });
  assert.deepEqual([reply.status, reply.json()["code"]], [504, "DEADLINE_EXCEEDED"]);
  assert.equal("nothing_done" in reply.json(), false, "the vault may still carry it out");
  hold.release();
});

test("draining answers every request that was sent, over both protocols, and then closes", async (context) => {
  const hold = held();
  const { gateway, address } = await testGateway(context, hold.answers);
  const session = h2c(address("developmentGrpc"));
  const sign = { method: "POST", headers: JSON_TYPE, body: "{}" };
  await http2(session, "/api/v1/status");
  const overHttp2 = http2(session, "/api/v1/keys/k/sign", sign);
  const overHttp1 = http1(address("health"), "/api/v1/keys/k/sign", sign);
  await hold.arrived(2);
  const drained = gateway.drain();
  hold.release();
  const replies = await Promise.all([overHttp2, overHttp1]);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200],
  );
  assert.equal(replies[1].headers["connection"], "close");
  await drained;
  await assert.rejects(http1(address("health"), "/api/v1/status"), /ECONNREFUSED/);
});

test("a keep-alive connection that sends its next request while draining still gets its answer", async (context) => {
  const { gateway, address } = await testGateway(context, { GetStatus: () => ({ phase: "open" }) });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const [host, port] = address("health").split(":") as [string, string];
  const ask = async (): Promise<string | undefined> => {
    const sent = request({ host, port, path: "/api/v1/status", agent });
    sent.end();
    const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
    response.resume();
    await once(response, "end");
    assert.equal(response.statusCode, 200);
    return response.headers.connection;
  };
  assert.equal(await ask(), "keep-alive");
  const drained = gateway.drain();
  assert.equal(await ask(), "close");
  agent.destroy();
  await drained;
});

test("draining does not wait for connections that never asked anything", async (context) => {
  const { gateway, address } = await testGateway(context, {});
  const silent = [
    raw(address("health"), () => undefined),
    raw(address("developmentGrpc"), () => undefined),
    raw(address("developmentGrpc"), (socket) => socket.write("PR")),
  ];
  await http1(address("metrics"), "/metrics");
  await until(() => true);
  await gateway.drain();
  await Promise.all(silent);
});

test("a head that comes too slowly or is too large is cut off", { timeout: 120_000 }, async (context) => {
  const { address } = await testGateway(context, {}, { limits: { requestTimeoutSeconds: 1 } });
  const slow = await raw(address("health"), (socket) => socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "));
  assert.match(slow, /^(HTTP\/1.1 408 |$)/);
  const large = await raw(address("health"), (socket) =>
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(100_000)}\r\n\r\n`),
  );
  assert.match(large, /^HTTP\/1.1 431 /);
});

test("a body that comes too slowly is refused", { timeout: 120_000 }, async (context) => {
  const { address, vault } = await testGateway(context, {}, { limits: { requestTimeoutSeconds: 1 } });
  const session = h2c(address("developmentGrpc"));
  const stream = session.request({ ":method": "POST", ":path": "/api/v1/hash", ...JSON_TYPE });
  stream.on("error", () => undefined);
  stream.write("{");
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  assert.equal(headers[":status"], 504);
  session.destroy();
  assert.equal(vault.seen.length, 0);
});

test("more connections than allowed are not taken", async (context) => {
  const { address } = await testGateway(context, { GetStatus: () => ({}) }, { limits: { maxConnections: 2 } });
  const sessions = [h2c(address("developmentGrpc")), h2c(address("developmentGrpc"))];
  for (const session of sessions) await http2(session, "/api/v1/status");
  assert.equal(await raw(address("developmentGrpc"), () => undefined), "");
  for (const session of sessions) session.destroy();
});

test("a client that resets streams faster than it may is cut off and others are served", async (context) => {
  const { address } = await testGateway(context, { GetStatus: () => ({ phase: "open" }) });
  const storm = h2c(address("developmentGrpc"));
  const closed = new Promise<void>((resolve) => storm.once("close", () => resolve()));
  const send = (): void => {
    for (let index = 0; index < 100 && !storm.destroyed && !storm.closed; index += 1) {
      const stream = storm.request({ ":path": "/api/v1/status" });
      stream.on("error", () => undefined);
      stream.close(8);
    }
    if (!storm.destroyed && !storm.closed) setImmediate(send);
  };
  await once(storm, "connect");
  send();
  await closed;
  const calm = h2c(address("developmentGrpc"));
  assert.equal((await http2(calm, "/api/v1/status")).status, 200);
  calm.close();
});
