import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ERROR_CODES, HsmError } from "@keystead/contract/errors";
import {
  FRAME,
  FrameReader,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  MalformedFrame,
  decodeFailure,
  encodeFailure,
  writeHeader,
  type Frame,
  type FrameType,
} from "./frame.ts";

interface Wire {
  readonly type: FrameType;
  readonly flags: number;
  readonly operation: number;
  readonly callId: number;
  readonly deadlineMs: number;
  readonly payload: Uint8Array;
}

const WIRE: fc.Arbitrary<Wire> = fc.record({
  type: fc.constantFrom(...Object.values(FRAME)),
  flags: fc.integer({ min: 0, max: 255 }),
  operation: fc.integer({ min: 0, max: 0xffff }),
  callId: fc.nat(0xffffffff),
  deadlineMs: fc.nat(0xffffffff),
  payload: fc.uint8Array({ maxLength: 80 }),
});

function bytesOf(frames: readonly Wire[]): Buffer {
  return Buffer.concat(
    frames.map(({ type, flags, operation, callId, deadlineMs, payload }) => {
      const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
      writeHeader(bytes, 0, type, flags, operation, callId, deadlineMs, payload.length);
      bytes.set(payload, HEADER_BYTES);
      return bytes;
    }),
  );
}

/** Reads chunks, each in memory of its own; payloads are copied, because a reader only promises a view. */
function read(chunks: readonly Uint8Array[], reader = new FrameReader()): { frames: Wire[]; idle: boolean } {
  const frames: Wire[] = [];
  for (const chunk of chunks)
    reader.push(Buffer.from(chunk), (frame: Frame) => frames.push({ ...frame, payload: new Uint8Array(frame.payload) }));
  return { frames, idle: reader.idle };
}

test("frames come out as they went in, wherever the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(WIRE, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 12 }), (frames, cuts) => {
      const bytes = bytesOf(frames);
      const at = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      assert.deepEqual(read(chunks), { frames: frames.map((frame) => ({ ...frame, payload: new Uint8Array(frame.payload) })), idle: true });
    }),
  );
});

test("one cut at every byte boundary, and one byte at a time, give the same frames", () => {
  const frames: Wire[] = [
    { type: FRAME.request, flags: 1, operation: 0xfffe, callId: 0xfffffffe, deadlineMs: 0x80000001, payload: new Uint8Array([1, 2, 3]) },
    { type: FRAME.cancel, flags: 0, operation: 0, callId: 7, deadlineMs: 0, payload: new Uint8Array() },
    { type: FRAME.reply, flags: 255, operation: 3, callId: 0x80000000, deadlineMs: 5, payload: new Uint8Array(40).fill(9) },
  ];
  const bytes = bytesOf(frames);
  for (let cut = 0; cut <= bytes.length; cut++)
    assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), { frames, idle: true }, `cut at ${cut}`);
  assert.deepEqual(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), { frames, idle: true });
});

test("a reader is idle between frames and nowhere else", () => {
  const bytes = bytesOf([{ type: FRAME.request, flags: 0, operation: 1, callId: 1, deadlineMs: 0, payload: new Uint8Array(5) }]);
  for (let cut = 0; cut <= bytes.length; cut++)
    assert.equal(read([bytes.subarray(0, cut)]).idle, cut === 0 || cut === bytes.length, `after ${cut} bytes`);
});

/** A header with this length field and type. */
function header(length: number, type: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32BE(length, 0);
  bytes[4] = type;
  return bytes;
}

test("a length below the header's own rest, above the limit, or an unknown type is no frame", () => {
  for (const length of [0, 1, 11, 12 + MAX_PAYLOAD_BYTES + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    assert.throws(() => read([header(length, FRAME.request)]), MalformedFrame, `length ${length}`);
  }
  for (let type = 0; type < 256; type++) {
    if (Object.values(FRAME).includes(type as FrameType)) assert.doesNotThrow(() => read([header(12, type)]));
    else assert.throws(() => read([header(12, type)]), MalformedFrame, `type ${type}`);
  }
});

test("the limit is exact, and is enforced before any memory is taken", () => {
  const small = (payloadBytes: number): Buffer => header(12 + payloadBytes, FRAME.request);
  assert.equal(read([small(100), Buffer.alloc(100)], new FrameReader(100)).frames.length, 1);
  assert.throws(() => read([small(101)], new FrameReader(100)), MalformedFrame);
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => read([header(0xffffffff, FRAME.request)]), MalformedFrame);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

test("a frame that spans chunks leaves no copy of its payload in them", () => {
  const bytes = bytesOf([
    { type: FRAME.request, flags: 0, operation: 1, callId: 1, deadlineMs: 0, payload: new Uint8Array(100).fill(0x5a) },
  ]);
  const chunks = [Buffer.from(bytes.subarray(0, 50)), Buffer.from(bytes.subarray(50))];
  const reader = new FrameReader();
  let got = 0;
  for (const chunk of chunks)
    reader.push(chunk, ({ payload }) => {
      got = payload.length;
      payload.fill(0);
    });
  assert.equal(got, 100);
  for (const chunk of chunks) assert.equal(chunk.includes(0x5a), false, "plaintext stayed in a chunk");
});

/** Reads a stream into a reader's own room, `sizes` bytes at a time at most. */
function readInto(
  bytes: Uint8Array,
  sizes: readonly number[],
  reader = new FrameReader(),
): { frames: Wire[]; payloads: Buffer[]; idle: boolean } {
  const frames: Wire[] = [];
  const payloads: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const room = reader.room();
    assert.ok(room.length > 0);
    const part = bytes.subarray(at, at + Math.min(room.length, sizes[turn % sizes.length] as number));
    room.set(part);
    at += part.length;
    reader.filled(part.length, (frame) => {
      frames.push({ ...frame, payload: new Uint8Array(frame.payload) });
      payloads.push(frame.payload);
    });
  }
  return { frames, payloads, idle: reader.idle };
}

test("read into the reader's own room, frames come out as they went in, and stay when more is read", () => {
  const size = fc.oneof(fc.nat(80), fc.constantFrom(16_383, 16_384, 65_535, 65_536, 200_000));
  const wires = fc
    .array(fc.tuple(WIRE, size), { minLength: 1, maxLength: 5 })
    .map((some) => some.map(([wire, bytes], index) => ({ ...wire, payload: new Uint8Array(bytes).fill(index + 1) })));
  fc.assert(
    fc.property(wires, fc.array(fc.constantFrom(1, 17, 4_000, 65_536, 1_000_000), { minLength: 1, maxLength: 4 }), (frames, sizes) => {
      // One byte at a time only where there are few.
      const bytes = bytesOf(frames);
      const read_ = readInto(bytes, bytes.length > 5_000 ? [...sizes, 65_536].filter((each) => each > 1) : sizes);
      assert.deepEqual(read_.frames, frames);
      assert.deepEqual(
        read_.payloads.map((payload) => new Uint8Array(payload)),
        frames.map(({ payload }) => payload),
      );
      assert.equal(read_.idle, true);
    }),
    { numRuns: 60 },
  );
});

test("the memory that is read into again holds nothing of what was read", () => {
  const reader = new FrameReader();
  const secret = new Uint8Array(100).fill(0x5a);
  const room = reader.room();
  const bytes = bytesOf([{ type: FRAME.request, flags: 0, operation: 1, callId: 1, deadlineMs: 0, payload: secret }]);
  for (const part of [bytes, bytes.subarray(0, 50), bytes.subarray(50)]) {
    room.set(part);
    reader.filled(part.length, () => undefined);
    assert.equal(room.includes(0x5a), false);
    assert.equal(reader.room(), room);
  }
});

test("a large payload is read where it stays, and bytes of the next frame are not read with it", () => {
  const reader = new FrameReader();
  reader.room().set(header(12 + 100_000, FRAME.request));
  reader.filled(HEADER_BYTES, () => assert.fail());
  assert.equal(reader.room().length, 100_000);
  reader.room().fill(7, 0, 90_000);
  reader.filled(90_000, () => assert.fail());
  // The rest is small: it is read with whatever follows.
  const rest = Buffer.concat([Buffer.alloc(10_000, 7), header(12, FRAME.goaway)]);
  reader.room().set(rest);
  const types: number[] = [];
  reader.filled(rest.length, ({ type, payload }) => {
    types.push(type);
    assert.ok(payload.every((byte) => byte === 7));
  });
  assert.deepEqual(types, [FRAME.request, FRAME.goaway]);
});

test("malformed bytes in the reader's own room are refused as in a chunk", () => {
  const reader = new FrameReader(100);
  reader.room().set(header(12 + 101, FRAME.request));
  assert.throws(() => reader.filled(HEADER_BYTES, () => assert.fail()), MalformedFrame);
});

test("every code survives the failure frame, with its detail, its retry time, its approval, its receipt and whether nothing was done", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ERROR_CODES),
      fc.string({ unit: "grapheme", maxLength: 300 }),
      fc.option(fc.integer({ min: 1, max: 86_400 }), { nil: undefined }),
      fc.option(fc.uuid(), { nil: undefined }),
      fc.option(fc.constant(`4711 ${"0f".repeat(32)}`), { nil: undefined }),
      fc.boolean(),
      (code, detail, retryAfterSeconds, approvalId, receipt, nothingDone) => {
        const options = {
          ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
          ...(approvalId === undefined ? {} : { approvalId }),
          ...(receipt === undefined ? {} : { receipt }),
          nothingDone,
        };
        const back = decodeFailure(encodeFailure(new HsmError(code, detail, options)));
        assert.deepEqual(
          [back.code, back.detail, back.retryAfterSeconds, back.approvalId, back.receipt, back.nothingDone],
          [code, detail.toWellFormed(), retryAfterSeconds, approvalId, receipt, nothingDone],
        );
      },
    ),
  );
});

test("a failure's cause never crosses, and a long detail is cut", () => {
  const payload = encodeFailure(new HsmError("INTERNAL", "x".repeat(10_000), { cause: new Error("the secret") }));
  assert.equal(payload.includes("the secret"), false);
  assert.equal(payload.length, 9 + 4096);
  assert.equal(decodeFailure(payload).cause, undefined);
});

test("a failure that names no code, or is cut short, is malformed", () => {
  const unknown = Buffer.alloc(9);
  unknown.writeUInt16BE(ERROR_CODES.length, 0);
  const short = Buffer.alloc(10);
  short.writeUInt8(3, 7);
  const receipt = Buffer.alloc(10);
  receipt.writeUInt8(2, 8);
  for (const payload of [Buffer.alloc(0), Buffer.alloc(8), unknown, short, receipt, Buffer.alloc(9, 0xff)])
    assert.throws(() => decodeFailure(payload), MalformedFrame);
});
