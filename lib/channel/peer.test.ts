/**
 * Both ends of a channel, over sockets that are slow, torn, flooded or lying.
 *
 * Long, because every case needs the same two ends and the same ways to disturb what is between them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { FRAME, FrameReader, HEADER_BYTES, MalformedFrame, PROTOCOL_VERSION, writeHeader, type Frame } from "./frame.ts";
import { Inlet } from "./inlet.ts";
import { noTraffic, Peer, type Answer, type IncomingCall, type PeerOptions } from "./peer.ts";

/** Two ends of a socket of this machine. */
async function sockets(t: TestContext): Promise<[Socket, Socket]> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-peer-"));
  const server = createServer();
  server.listen(join(folder, "s"));
  await once(server, "listening");
  const near = connect(join(folder, "s"));
  const [[far]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, once(near, "connect")]);
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return [near, far];
}

interface Pair {
  readonly caller: Peer;
  readonly answerer: Peer;
  readonly ends: Record<"caller" | "answerer", Promise<Error | undefined>>;
  readonly sockets: readonly [Socket, Socket];
}

async function pair(
  t: TestContext,
  answer: Answer,
  options: { caller?: Partial<PeerOptions>; answerer?: Partial<PeerOptions> } = {},
): Promise<Pair> {
  const [near, far] = await sockets(t);
  const callerEnd = Promise.withResolvers<Error | undefined>();
  const answererEnd = Promise.withResolvers<Error | undefined>();
  const caller = new Peer(near, { speaksFirst: true, onEnd: callerEnd.resolve, ...options.caller });
  const answerer = new Peer(far, { speaksFirst: false, answer, onEnd: answererEnd.resolve, ...options.answerer });
  t.after(() => {
    caller.destroy();
    answerer.destroy();
  });
  return { caller, answerer, ends: { caller: callerEnd.promise, answerer: answererEnd.promise }, sockets: [near, far] };
}

/** One peer and a hand on the other end of its socket. */
async function raw(
  t: TestContext,
  options: Partial<PeerOptions> = {},
): Promise<{ peer: Peer; hand: Socket; end: Promise<Error | undefined>; frames: Frame[] }> {
  const [near, far] = await sockets(t);
  const end = Promise.withResolvers<Error | undefined>();
  const peer = new Peer(near, { speaksFirst: false, answer: ({ payload }) => Buffer.from(payload), onEnd: end.resolve, ...options });
  t.after(() => peer.destroy());
  const frames: Frame[] = [];
  const reader = new FrameReader();
  far.on("data", (chunk: Buffer) =>
    reader.push(chunk, (frame) => {
      frames.push(frame);
      far.emit("frame", frame);
    }),
  );
  far.on("error", () => undefined);
  return { peer, hand: far, end: end.promise, frames };
}

function frame(type: number, operation: number, callId: number, payload: Uint8Array = new Uint8Array(), deadlineMs = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, type as Frame["type"], 0, operation, callId, deadlineMs, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

const hello = (version = PROTOCOL_VERSION): Buffer => frame(FRAME.hello, version, 0);
const echo: Answer = ({ payload }) => Buffer.from(payload);
const LONG_MS = 60_000;

test("a request comes back as its reply, with operation and payload as sent", async (t) => {
  const seen: IncomingCall[] = [];
  const { caller } = await pair(t, (call) => {
    seen.push({ ...call, payload: Buffer.from(call.payload) });
    return Buffer.from("answer");
  });
  assert.equal((await caller.request(513, Buffer.from("question"), LONG_MS)).toString(), "answer");
  assert.deepEqual(
    seen.map(({ operation, payload }) => [operation, payload.toString()]),
    [[513, "question"]],
  );
  assert.equal(caller.inFlight, 0);
});

test("a failure comes back as its code, detail and retry time; its cause and any other error's message stay", async (t) => {
  const { caller } = await pair(t, ({ operation }) => {
    if (operation === 1)
      throw new HsmError("KEY_STATE_FORBIDS", "the key is destroyed", { retryAfterSeconds: 3, cause: new Error("a secret") });
    return operation === 2 ? Promise.reject(new Error("a secret")) : Promise.reject(new HsmError("RATE_LIMITED", "slow down"));
  });
  await assert.rejects(
    caller.request(1, Buffer.alloc(0), LONG_MS),
    (error: HsmError) =>
      error.code === "KEY_STATE_FORBIDS" &&
      error.detail === "the key is destroyed" &&
      error.retryAfterSeconds === 3 &&
      error.cause === undefined,
  );
  await assert.rejects(
    caller.request(2, Buffer.alloc(0), LONG_MS),
    (error: HsmError) => error.code === "INTERNAL" && !error.detail.includes("secret"),
  );
  await assert.rejects(caller.request(3, Buffer.alloc(0), LONG_MS), { code: "RATE_LIMITED" });
});

test("many requests in flight, answered in any order, each get their own answer", async (t) => {
  const held: { resolve: (reply: Buffer) => void; payload: string }[] = [];
  const { caller, answerer } = await pair(
    t,
    ({ payload }) =>
      new Promise((resolve) => {
        held.push({ resolve, payload: payload.toString() });
        if (held.length === 1000)
          for (const { resolve: answer, payload: question } of held.toReversed()) answer(Buffer.from(`re ${question}`));
      }),
  );
  const replies = await Promise.all(Array.from({ length: 1000 }, (_, index) => caller.request(1, Buffer.from(String(index)), LONG_MS)));
  assert.deepEqual(
    replies.map(String),
    Array.from({ length: 1000 }, (_, index) => `re ${index}`),
  );
  assert.equal(answerer.answering, 0);
});

test("payloads from nothing to the largest go through whole", async (t) => {
  const { caller } = await pair(t, echo, { caller: { maxPayloadBytes: 300_000 }, answerer: { maxPayloadBytes: 300_000 } });
  for (const size of [0, 1, 65_519, 65_520, 65_521, 65_536, 300_000]) {
    const sent = Buffer.alloc(size, 7);
    assert.ok(sent.equals(await caller.request(1, Buffer.from(sent), LONG_MS)), `${size} bytes`);
  }
});

test("a peer with an inlet reads everything into memory of its own, large and small, in pieces and whole, and ends with its socket", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "keystead-peer-"));
  const server = createServer();
  server.listen(join(folder, "s"));
  await once(server, "listening");
  const inlet = new Inlet();
  const near = connect({ path: join(folder, "s"), onread: inlet.onread });
  const [[far]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, once(near, "connect")]);
  const end = Promise.withResolvers<Error | undefined>();
  const caller = new Peer(near, { speaksFirst: true, inlet, onEnd: end.resolve });
  const halves: Answer = ({ payload }) => [
    Buffer.from(payload.subarray(0, payload.length >> 1)),
    Buffer.from(payload.subarray(payload.length >> 1)),
  ];
  const answerer = new Peer(far, { speaksFirst: false, answer: halves });
  t.after(() => {
    caller.destroy();
    answerer.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const sizes = [0, 1, 20_000, 32_767, 32_768, 65_536, 1_000_000, 3, 2_500_000];
  const replies = await Promise.all(sizes.map((size) => caller.request(1, [Buffer.alloc(size, 7), Buffer.alloc(5, 8)], LONG_MS)));
  sizes.forEach((size, index) =>
    assert.ok(replies[index]?.equals(Buffer.concat([Buffer.alloc(size, 7), Buffer.alloc(5, 8)])), `${size} bytes`),
  );
  far.destroy();
  assert.equal(await end.promise, undefined);
});

test("a request that is refused, cancelled or out of time leaves nothing of its payload, and nothing half of it reaches the other side", async (t) => {
  const seen: boolean[] = [];
  const { caller, answerer } = await pair(t, ({ payload, operation }) => {
    seen.push(payload.every((byte) => byte === 7));
    return operation === 2 ? Buffer.alloc(0) : new Promise(() => undefined);
  });
  const payloads = [0, 1, 2].map(() => [Buffer.alloc(3_000_000, 7)]);
  const timedOut = caller.request(1, payloads[0] as Buffer[], 1);
  let cancel: () => void = () => assert.fail();
  const cancelled = caller.request(1, payloads[1] as Buffer[], LONG_MS, (hand) => (cancel = hand));
  await new Promise<void>((resolve) => setImmediate(resolve));
  cancel();
  await assert.rejects(cancelled, { code: "CANCELLED" });
  await assert.rejects(timedOut, { code: "DEADLINE_EXCEEDED" });
  await caller.request(2, Buffer.alloc(1, 7), LONG_MS);
  await caller.request(2, Buffer.alloc(1, 7), LONG_MS);
  assert.ok(answerer.open && seen.every(Boolean), String(seen));
  caller.destroy();
  await assert.rejects(caller.request(1, payloads[2] as Buffer[], LONG_MS), { code: "PROVIDER_UNAVAILABLE" });
  for (const [bytes] of payloads) assert.ok(bytes?.every((byte) => byte === 0));
});

test("both sides may ask", async (t) => {
  const { caller, answerer } = await pair(t, echo, { caller: { answer: () => Buffer.from("from the caller") } });
  await caller.request(1, Buffer.from("x"), LONG_MS);
  assert.equal((await answerer.request(9, Buffer.alloc(0), LONG_MS)).toString(), "from the caller");
});

test("the side that does not speak first may ask before it was greeted", async (t) => {
  const [near, far] = await sockets(t);
  const second = new Peer(near, { speaksFirst: false });
  const reply = second.request(1, Buffer.from("early"), LONG_MS);
  await new Promise((resolve) => setImmediate(resolve));
  const first = new Peer(far, { speaksFirst: true, answer: echo });
  t.after(() => {
    first.destroy();
    second.destroy();
  });
  assert.equal((await reply).toString(), "early");
});

const MALFORMED: readonly (readonly [string, () => Buffer])[] = [
  ["a request before the greeting", () => frame(FRAME.request, 1, 1)],
  ["a greeting of another version", () => hello(PROTOCOL_VERSION + 1)],
  ["a second greeting", () => Buffer.concat([hello(), hello()])],
  ["an unknown type", () => Buffer.concat([hello(), frame(9, 1, 1)])],
  ["a length that cannot be", () => Buffer.concat([hello(), Buffer.alloc(16)])],
  ["an oversized frame", () => Buffer.concat([hello(), frame(FRAME.request, 1, 1, new Uint8Array(65))])],
  ["a call id in use", () => Buffer.concat([hello(), frame(FRAME.request, 77, 1), frame(FRAME.request, 77, 1)])],
  ["an envelope that cannot be read", () => Buffer.concat([hello(), frame(FRAME.request, 88, 1)])],
];

for (const [what, bytes] of MALFORMED) {
  test(`${what} ends that peer, and only that one`, async (t) => {
    const answer: Answer = ({ operation, payload }) => {
      if (operation === 77) return new Promise(() => undefined);
      if (operation === 88) throw new MalformedFrame("unreadable");
      return Buffer.from(payload);
    };
    const healthy = await pair(t, answer);
    const { peer, hand, end } = await raw(t, { answer, maxPayloadBytes: 64 });
    hand.write(bytes());
    assert.ok((await end) instanceof MalformedFrame);
    assert.equal(peer.open, false);
    if (!hand.destroyed) await once(hand, "close");
    assert.equal((await healthy.caller.request(1, Buffer.from("alive"), LONG_MS)).toString(), "alive");
  });
}

test("a request to a side that answers none ends the peer", async (t) => {
  const { caller, ends } = await pair(t, echo);
  const { caller: asked, answerer: asker, ends: others } = await pair(t, echo);
  void asked;
  const lost = asker.request(1, Buffer.alloc(0), LONG_MS);
  await assert.rejects(lost, { code: "PROVIDER_UNAVAILABLE" });
  assert.ok((await others.caller) instanceof MalformedFrame);
  assert.equal((await caller.request(1, Buffer.from("x"), LONG_MS)).toString(), "x");
  caller.destroy();
  assert.equal(await ends.caller, undefined);
});

test("a failure frame without a known code ends the peer and leaves no caller waiting", async (t) => {
  const { peer, hand, end } = await raw(t, { speaksFirst: true });
  const reply = peer.request(1, Buffer.alloc(0), LONG_MS);
  reply.catch(() => undefined);
  hand.write(Buffer.concat([hello(), frame(FRAME.failure, 1, 1, Buffer.alloc(6, 0xff))]));
  await assert.rejects(reply, { code: "PROVIDER_UNAVAILABLE" });
  assert.ok((await end) instanceof MalformedFrame);
});

test("an answer to a call nobody made is dropped", async (t) => {
  const { peer, hand } = await raw(t, { speaksFirst: true });
  hand.write(
    Buffer.concat([
      hello(),
      frame(FRAME.reply, 1, 4711, Buffer.from("x")),
      frame(FRAME.failure, 1, 4712, Buffer.alloc(6)),
      frame(FRAME.cancel, 0, 4713),
    ]),
  );
  const reply = peer.request(1, Buffer.alloc(0), LONG_MS);
  hand.write(frame(FRAME.reply, 1, 1, Buffer.from("mine")));
  assert.equal((await reply).toString(), "mine");
});

test("cancelling tells the other side, rejects the caller, and later answers are dropped", async (t) => {
  const calls: IncomingCall[] = [];
  const arrived = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<Buffer>();
  const { caller } = await pair(t, (call) => {
    if (call.operation === 2) return Buffer.from("second");
    calls.push(call);
    arrived.resolve();
    return answered.promise;
  });
  let cancel: () => void = () => assert.fail("no way to cancel was handed out");
  const reply = caller.request(1, Buffer.from("x"), LONG_MS, (hand) => {
    cancel = hand;
  });
  await arrived.promise;
  assert.equal(calls[0]?.cancelled, false);
  cancel();
  await assert.rejects(reply, { code: "CANCELLED" });
  assert.equal((await caller.request(2, Buffer.alloc(0), LONG_MS)).toString(), "second");
  assert.equal(calls[0]?.cancelled, true);
  answered.resolve(Buffer.from("too late"));
  assert.equal((await caller.request(2, Buffer.alloc(0), LONG_MS)).toString(), "second");
  cancel();
  assert.equal(caller.inFlight, 0);
});

test("a request that is cancelled in the turn it was made never leaves, so that its bytes may be wiped at once", async (t) => {
  const seen: string[] = [];
  const { caller, answerer } = await pair(t, ({ payload, operation }) => {
    seen.push(payload.toString());
    if (payload[0] === 0) throw new MalformedFrame(`operation ${operation}`);
    return Buffer.alloc(0);
  });
  const payload = Buffer.from("secret");
  const aborted = caller.request(1, payload, LONG_MS, (cancel) => cancel());
  await assert.rejects(aborted, { code: "CANCELLED" });
  payload.fill(0);
  await caller.request(2, Buffer.from("next"), LONG_MS);
  assert.deepEqual(seen, ["next"]);
  assert.ok(answerer.open);
});

test("a deadline passes on both sides: the caller is told, the answerer knows when to stop", async (t) => {
  const calls: IncomingCall[] = [];
  const { caller } = await pair(t, (call) => {
    calls.push(call);
    return call.operation === 2 ? Buffer.alloc(0) : new Promise(() => undefined);
  });
  const started = performance.now();
  await assert.rejects(caller.request(1, Buffer.alloc(0), 30), { code: "DEADLINE_EXCEEDED" });
  assert.ok(performance.now() - started >= 29);
  await caller.request(2, Buffer.alloc(0), LONG_MS);
  assert.equal(calls[0]?.cancelled, true);
  assert.ok((calls[0]?.deadline ?? 0) <= performance.now());
  assert.ok((calls[1]?.deadline ?? 0) > performance.now() + LONG_MS / 2);
});

test("deadline 0 in a frame means none", async (t) => {
  const seen = Promise.withResolvers<number>();
  const { hand } = await raw(t, {
    answer: ({ deadline }) => {
      seen.resolve(deadline);
      return Buffer.alloc(0);
    },
  });
  hand.write(Buffer.concat([hello(), frame(FRAME.request, 1, 1)]));
  assert.equal(await seen.promise, Infinity);
});

test("draining answers what is in flight, refuses what comes after, and loses nothing", async (t) => {
  const held: (() => void)[] = [];
  const {
    caller,
    answerer,
    sockets: [, far],
  } = await pair(t, ({ payload, operation }) => {
    const reply = Buffer.alloc(200_000, payload[0]);
    return operation === 2 ? reply : new Promise((resolve) => held.push(() => resolve(reply)));
  });
  const inFlight = Promise.all(Array.from({ length: 20 }, (_, index) => caller.request(1, Buffer.from([index + 1]), LONG_MS)));
  while (held.length < 20) await new Promise((resolve) => setImmediate(resolve));
  let drained = false;
  const drain = answerer.drain().then(() => {
    drained = true;
  });
  await assert.rejects(caller.request(2, Buffer.from([1]), LONG_MS), { code: "PROVIDER_UNAVAILABLE", detail: "shutting down" });
  assert.equal(drained, false);
  for (const answer of held) answer();
  await drain;
  assert.equal(far.writableLength, 0, "drain() ended while replies were still in this process");
  // What a process does next is exit: nothing may depend on this side any more.
  answerer.destroy();
  for (const [index, reply] of (await inFlight).entries()) assert.ok(reply.equals(Buffer.alloc(200_000, index + 1)));
});

for (const [says, polite] of [
  ["said that it goes away", true],
  ["said nothing", false],
] as const)
  test(`an other side that ${says} and leaves bytes unread ${polite ? "is no fault" : "is one"}`, async (t) => {
    const traffic = noTraffic();
    const { hand, end } = await raw(t, { traffic });
    hand.pause();
    hand.write(frame(FRAME.hello, PROTOCOL_VERSION, 0));
    if (polite) hand.write(frame(FRAME.goaway, 0, 0));
    hand.write(frame(FRAME.request, 1, 1, Buffer.alloc(1_000_000)));
    while (traffic.framesSent < 2) await new Promise((resolve) => setImmediate(resolve));
    hand.destroy();
    assert.equal(((await end) as NodeJS.ErrnoException | undefined)?.code, polite ? undefined : "ECONNRESET");
  });

test("draining an idle peer and an ended peer both finish", async (t) => {
  const { caller, answerer } = await pair(t, echo);
  await caller.request(1, Buffer.alloc(1), LONG_MS);
  await answerer.drain();
  caller.destroy();
  await caller.drain();
});

test("a draining peer makes no new requests of its own", async (t) => {
  const { caller } = await pair(t, echo);
  await caller.request(1, Buffer.alloc(1), LONG_MS);
  await caller.drain();
  await assert.rejects(caller.request(1, Buffer.alloc(1), LONG_MS), { code: "PROVIDER_UNAVAILABLE" });
});

test("requests beyond the limit are refused at once and nothing is sent", async (t) => {
  let received = 0;
  const { caller } = await pair(
    t,
    () => {
      received += 1;
      return new Promise(() => undefined);
    },
    { caller: { maxInFlight: 3 } },
  );
  const three = [1, 2, 3].map(() => caller.request(1, Buffer.alloc(0), LONG_MS));
  for (const promise of three) promise.catch(() => undefined);
  await assert.rejects(caller.request(1, Buffer.alloc(0), LONG_MS), {
    code: "PROVIDER_UNAVAILABLE",
    detail: "too many requests are in flight",
  });
  while (received < 3) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received, 3);
});

test("a side that does not read makes the other stop reading: what waits is bounded", async (t) => {
  const highWaterBytes = 256 * 1024;
  const { peer, hand } = await raw(t, { answer: () => Buffer.alloc(64 * 1024, 1), highWaterBytes });
  hand.pause();
  hand.removeAllListeners("data");
  let calls = 0;
  const ask = (): Buffer => Buffer.concat(Array.from({ length: 100 }, () => frame(FRAME.request, 1, ++calls)));
  hand.write(hello());
  for (let round = 0; round < 40; round++) {
    hand.write(ask());
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(peer.open);
  assert.ok(peer.answering <= 4096);
  // 4,000 answers of 64 KiB are 256 MiB; no more than the mark and the answers to one read may wait.
  assert.ok(process.memoryUsage().arrayBuffers < 150 * 1024 * 1024, `${process.memoryUsage().arrayBuffers} bytes wait`);
  let replies = 0;
  const reader = new FrameReader();
  const all = Promise.withResolvers<void>();
  hand.on("data", (chunk: Buffer) =>
    reader.push(chunk, ({ type }) => {
      if (type === FRAME.reply && ++replies === calls) all.resolve();
    }),
  );
  hand.resume();
  await all.promise;
  assert.equal(hand.writableLength, 0);
});

test("more requests than may be answered at once wait in the socket, and all are answered in the end", async (t) => {
  const held: (() => void)[] = [];
  const { caller, answerer } = await pair(t, () => new Promise((resolve) => held.push(() => resolve(Buffer.alloc(0)))), {
    answerer: { maxInFlight: 8 },
  });
  const replies = Promise.all(Array.from({ length: 400 }, () => caller.request(1, Buffer.alloc(60_000), LONG_MS)));
  let done = false;
  void replies.then(() => {
    done = true;
  });
  let most = 0;
  while (!done) {
    // As many turns as it takes for everything that will be read to be read.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, answerer.answering);
    for (const answer of held.splice(0)) answer();
  }
  // A frame of 60 KB fills a read, so at most a few are delivered after the pause.
  assert.ok(most >= 8 && most <= 12, `${most} were answered at once`);
});

test("a reply's buffer, the request's bytes and the write buffer are zeros once the reply is out", async (t) => {
  const secret = Buffer.from("very secret plaintext");
  const buffers: Buffer[] = [];
  const requests: Buffer[] = [];
  const [near, far] = await sockets(t);
  const written: Buffer[] = [];
  const write = far.write.bind(far) as (bytes: Buffer, done: () => void) => boolean;
  far.write = ((bytes: Buffer, done: () => void) => {
    written.push(bytes);
    return write(bytes, done);
  }) as typeof far.write;
  const caller = new Peer(near, { speaksFirst: true });
  const answerer = new Peer(far, {
    speaksFirst: false,
    answer: ({ payload }) => {
      requests.push(payload);
      const reply = Buffer.from(secret);
      buffers.push(reply);
      return reply;
    },
  });
  t.after(() => {
    caller.destroy();
    answerer.destroy();
  });
  assert.ok((await caller.request(1, Buffer.from("a password"), LONG_MS)).equals(secret));
  await caller.request(1, Buffer.from("a password"), LONG_MS);
  await answerer.drain();
  for (const bytes of [...buffers, ...requests])
    assert.equal(
      bytes.every((byte) => byte === 0),
      true,
    );
  assert.ok(written.length >= 2);
  for (const bytes of written) assert.equal(bytes.includes(secret), false);
});

test("a reply that can no longer be sent is zeroed all the same", async (t) => {
  const reply = Buffer.from("very secret plaintext");
  const answered = Promise.withResolvers<Buffer>();
  const arrived = Promise.withResolvers<Buffer>();
  const { caller, answerer } = await pair(t, ({ payload }) => {
    arrived.resolve(payload);
    return answered.promise;
  });
  caller.request(1, Buffer.from("a password"), LONG_MS).catch(() => undefined);
  const request = await arrived.promise;
  answerer.destroy();
  answered.resolve(reply);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    reply.every((byte) => byte === 0),
    true,
  );
  assert.equal(
    request.every((byte) => byte === 0),
    true,
  );
});

test("when the other side goes away, callers learn it, answers know it, and onEnd comes once", async (t) => {
  const calls: IncomingCall[] = [];
  let ends = 0;
  const {
    caller,
    answerer,
    ends: ended,
  } = await pair(
    t,
    (call) => {
      calls.push(call);
      return new Promise(() => undefined);
    },
    {
      caller: {
        onEnd: () => {
          ends += 1;
        },
      },
    },
  );
  const reply = caller.request(1, Buffer.alloc(0), LONG_MS);
  while (calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  caller.destroy();
  caller.destroy();
  await assert.rejects(reply, (error: HsmError) => error.code === "PROVIDER_UNAVAILABLE" && error.retryAfterSeconds === 1);
  assert.equal((await ended.answerer) instanceof MalformedFrame, false);
  assert.equal(calls[0]?.cancelled, true);
  assert.equal(answerer.open, false);
  assert.equal(ends, 1);
  await assert.rejects(caller.request(1, Buffer.alloc(0), LONG_MS), { code: "PROVIDER_UNAVAILABLE" });
});
