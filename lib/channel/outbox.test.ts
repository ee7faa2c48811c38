import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { FRAME, FrameReader, HEADER_BYTES } from "./frame.ts";
import { Outbox, type OutgoingFrame } from "./outbox.ts";
import { piecesOf, wipePayload, type Payload } from "./payload.ts";

/** A socket that keeps a copy of what was written and says so when it is told to. */
class Sink extends Writable {
  readonly got: Buffer[] = [];
  #taken: (() => void)[] = [];

  take(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.got.push(Buffer.from(chunk));
    this.#taken.push(done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.got.push(Buffer.from(chunk));
    this.#taken.push(done);
  }
}

function outbox(): { sink: Sink; box: Outbox; written: () => number } {
  const sink = new Sink();
  let written = 0;
  return { sink, box: new Outbox(sink as unknown as Socket, () => (written += 1)), written: () => written };
}

const LARGE = 32 * 1024;
/** Sizes on both sides of where payloads are no longer copied. */
const SIZE = fc.oneof(fc.nat(200), fc.integer({ min: LARGE - 2, max: LARGE + 2 }), fc.constantFrom(0, 70_000));
const PAYLOAD: fc.Arbitrary<Payload> = fc.oneof(
  SIZE.map((size) => Buffer.alloc(size, 0x5a)),
  fc.array(SIZE, { maxLength: 4 }).map((sizes) => sizes.map((size, index) => Buffer.alloc(size, 0x61 + index))),
);
const request = (callId: number, payload: Payload): OutgoingFrame => ({
  type: FRAME.request,
  operation: 7,
  callId,
  deadlineMs: 9,
  payload,
});
const isZero = (payload: Payload): boolean => piecesOf(payload).every((piece) => piece.every((byte) => byte === 0));

/** What the other side reads. */
function frames(bytes: readonly Buffer[]): { callId: number; payload: Buffer }[] {
  const read: { callId: number; payload: Buffer }[] = [];
  new FrameReader().push(Buffer.concat(bytes), ({ callId, payload }) => read.push({ callId, payload: Buffer.from(payload) }));
  return read;
}

test("frames leave in order and whole, in one write, however their payloads are cut, and nothing of them stays", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(PAYLOAD, { minLength: 1, maxLength: 5 }), async (payloads) => {
      const { sink, box, written } = outbox();
      const expected = payloads.map((payload, callId) => ({ callId, payload: Buffer.concat(piecesOf(payload)) }));
      payloads.forEach((payload, callId) => box.put(request(callId, payload)));
      assert.equal(
        box.queuedBytes,
        expected.reduce((sum, { payload }) => sum + HEADER_BYTES + payload.length, 0),
      );
      box.flush();
      assert.deepEqual([box.frames, box.queuedBytes], [0, 0]);
      assert.deepEqual(frames(sink.got), expected);
      const done = box.written();
      sink.take();
      await done;
      assert.equal(written(), 1);
      for (const payload of payloads) assert.ok(isZero(payload));
    }),
    { numRuns: 60 },
  );
});

test("a large payload is left alone until the kernel has it, and a small one is gone at once", () => {
  const { sink, box } = outbox();
  const [small, large] = [Buffer.alloc(100, 1), Buffer.alloc(LARGE, 1)];
  box.put(request(1, small));
  box.put(request(2, large));
  box.flush();
  assert.ok(isZero(small));
  assert.ok(large.every((byte) => byte === 1));
  sink.take();
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => assert.ok(isZero(large)));
});

test("what is withdrawn or discarded never leaves and is zeroed; what was flushed cannot be withdrawn", () => {
  for (const size of [10, LARGE]) {
    const { sink, box } = outbox();
    const payloads = [Buffer.alloc(size, 1), [Buffer.alloc(size, 2), Buffer.alloc(1, 2)], Buffer.alloc(size, 3)] as const;
    payloads.forEach((payload, callId) => box.put(request(callId, payload)));
    assert.equal(box.withdraw(FRAME.request, 1), true);
    assert.equal(box.withdraw(FRAME.request, 1), false);
    assert.equal(box.withdraw(FRAME.reply, 0), false);
    assert.ok(isZero(payloads[1]));
    box.flush();
    assert.deepEqual(
      frames(sink.got).map(({ callId }) => callId),
      [0, 2],
    );
    assert.equal(box.withdraw(FRAME.request, 0), false);
    const late = Buffer.alloc(size, 4);
    box.put(request(3, late));
    box.discard();
    assert.ok(isZero(late));
    assert.equal(box.frames, 0);
  }
});

test("a frame that is put first leaves first", () => {
  const { sink, box } = outbox();
  box.put(request(1, Buffer.from("a")));
  box.put(request(2, Buffer.alloc(LARGE, 1)));
  box.putFirst(request(3, Buffer.from("b")));
  box.flush();
  assert.deepEqual(
    frames(sink.got).map(({ callId }) => callId),
    [3, 1, 2],
  );
});

test("wiping a payload in pieces wipes each", () => {
  const pieces = [Buffer.from("a"), Buffer.from("bc")];
  wipePayload(pieces);
  assert.ok(isZero(pieces));
});
