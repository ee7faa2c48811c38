/**
 * The frame: how two of our processes speak over a descriptor they were given.
 *
 * Layout, integers big-endian:
 *
 *      0        4      5       6           8         12            16
 *      +--------+------+-------+-----------+---------+-------------+----------
 *      | length | type | flags | operation | call id | deadline ms | payload
 *      +--------+------+-------+-----------+---------+-------------+----------
 *
 * `length` counts the bytes after itself (12 + payload). `operation` is the number of the operation's row,
 * `deadline ms` is relative and 0 means none. A REPLY's payload is the operation's answer, a FAILURE's payload is
 * code number (u16), retry-after seconds (u32), whether nothing was done (u8), an approval's id and an audit receipt (u8 and
 * text each), and UTF-8 detail. HELLO carries the protocol version in `operation`.
 *
 * This file only turns bytes into frames and back; it must never interpret a payload.
 */
import { ERROR_CODES, HsmError, type ErrorCode } from "@keystead/contract/errors";
import { copyBytes } from "./secret-slab.ts";

/** What a frame is for. */
export const FRAME = Object.freeze({ hello: 1, request: 2, reply: 3, failure: 4, cancel: 5, goaway: 6 } as const);
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

/** Version spoken in HELLO. Both sides run from one checkout, so a difference is a fault, not a negotiation. */
export const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 16;
/** Largest payload of one frame, in bytes. */
export const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly operation: number;
  readonly callId: number;
  readonly deadlineMs: number;
  /** A view into the received bytes: valid until the receiver wipes it. */
  readonly payload: Buffer;
}

/** Raised for bytes that are no frame; the peer that sent them is cut off. */
export class MalformedFrame extends Error {
  override readonly name = "MalformedFrame";
}

/** Writes a header at `offset` of `target`. */
export function writeHeader(
  target: Buffer,
  offset: number,
  type: FrameType,
  flags: number,
  operation: number,
  callId: number,
  deadlineMs: number,
  payloadBytes: number,
): void {
  const length = HEADER_BYTES - 4 + payloadBytes;
  target[offset] = length >>> 24;
  target[offset + 1] = length >>> 16;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length;
  target[offset + 4] = type;
  target[offset + 5] = flags;
  target[offset + 6] = operation >>> 8;
  target[offset + 7] = operation;
  target[offset + 8] = callId >>> 24;
  target[offset + 9] = callId >>> 16;
  target[offset + 10] = callId >>> 8;
  target[offset + 11] = callId;
  target[offset + 12] = deadlineMs >>> 24;
  target[offset + 13] = deadlineMs >>> 16;
  target[offset + 14] = deadlineMs >>> 8;
  target[offset + 15] = deadlineMs;
}

const u32 = (bytes: Buffer, at: number): number =>
  (bytes[at] as number) * 0x1000000 + (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));

/** What one read takes at most, unless it goes into the payload of a frame that is known to be larger. */
const READ_BYTES = 64 * 1024;
/** What is missing of a payload must be as much for the next read to go there. */
const DIRECT_BYTES = 16 * 1024;

/**
 * Cuts a byte stream into frames, whatever the chunk boundaries.
 *
 * A frame that lies within one chunk is handed out as a view of it; one that spans chunks is assembled in memory
 * of its own, never larger than the length its header announced, and that length is checked before allocation. The
 * chunks belong to the reader: what it copied out of them is zeroed.
 *
 * Instead of giving it chunks, one may read into its {@link room}: then the bytes of a large payload arrive where they
 * stay, and no memory is taken for reads.
 */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #headBytes = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #read: Buffer | undefined;
  #direct = false;

  constructor(maxPayloadBytes: number = MAX_PAYLOAD_BYTES) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Where the next bytes are to be read to: never empty, and valid until {@link filled} was told. */
  room(): Buffer {
    this.#direct = this.#body !== undefined && this.#body.length - this.#bodyBytes >= DIRECT_BYTES;
    if (this.#direct) return (this.#body as Buffer).subarray(this.#bodyBytes);
    this.#read ??= Buffer.alloc(READ_BYTES);
    return this.#read;
  }

  /** So many bytes were read to the beginning of {@link room}. @throws {MalformedFrame} as {@link push} */
  filled(bytes: number, deliver: (frame: Frame) => void): void {
    if (this.#direct) {
      this.#bodyBytes += bytes;
      this.#finish(deliver);
      return;
    }
    const chunk = (this.#read as Buffer).subarray(0, bytes);
    try {
      this.#cut(chunk, deliver, true);
    } finally {
      // Whatever was in it has been copied out.
      chunk.fill(0);
    }
  }

  /** True between frames: the stream may end here without loss. */
  get idle(): boolean {
    return this.#headBytes === 0 && this.#body === undefined;
  }

  /** @throws {MalformedFrame} when the bytes cannot be a frame; the reader must not be used afterwards. */
  push(chunk: Buffer, deliver: (frame: Frame) => void): void {
    this.#cut(chunk, deliver, false);
  }

  /** @param reused the chunk's memory will be read to again: payloads may not be views of it */
  #cut(chunk: Buffer, deliver: (frame: Frame) => void, reused: boolean): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== undefined) {
        const take = Math.min(this.#body.length - this.#bodyBytes, chunk.length - at);
        chunk.copy(this.#body, this.#bodyBytes, at, at + take);
        // Whoever receives the frame wipes the assembled payload and does not know of this copy.
        if (!reused) chunk.fill(0, at, at + take);
        this.#bodyBytes += take;
        at += take;
        this.#finish(deliver);
        continue;
      }
      if (this.#headBytes === 0 && chunk.length - at >= HEADER_BYTES) {
        const payloadBytes = this.#payloadBytes(chunk, at);
        const end = at + HEADER_BYTES + payloadBytes;
        if (end <= chunk.length) {
          const payload = chunk.subarray(at + HEADER_BYTES, end);
          deliver(frameOf(chunk, at, reused ? copyBytes(payload) : payload));
          at = end;
          continue;
        }
      }
      const take = Math.min(HEADER_BYTES - this.#headBytes, chunk.length - at);
      chunk.copy(this.#head, this.#headBytes, at, at + take);
      this.#headBytes += take;
      at += take;
      if (this.#headBytes < HEADER_BYTES) return;
      const payloadBytes = this.#payloadBytes(this.#head, 0);
      if (payloadBytes === 0) {
        this.#headBytes = 0;
        deliver(frameOf(this.#head, 0, Buffer.alloc(0)));
      } else {
        this.#body = Buffer.allocUnsafeSlow(payloadBytes);
        this.#bodyBytes = 0;
      }
    }
  }

  /** Hands out the frame that is being assembled, if it is whole. */
  #finish(deliver: (frame: Frame) => void): void {
    const body = this.#body;
    if (body === undefined || this.#bodyBytes < body.length) return;
    this.#body = undefined;
    this.#headBytes = 0;
    deliver(frameOf(this.#head, 0, body));
  }

  #payloadBytes(bytes: Buffer, at: number): number {
    const payloadBytes = u32(bytes, at) - (HEADER_BYTES - 4);
    if (payloadBytes < 0 || payloadBytes > this.#maxPayloadBytes) throw new MalformedFrame(`frame length ${payloadBytes}`);
    const type = bytes[at + 4] as number;
    if (type < FRAME.hello || type > FRAME.goaway) throw new MalformedFrame(`frame type ${type}`);
    return payloadBytes;
  }
}

function frameOf(head: Buffer, at: number, payload: Buffer): Frame {
  return {
    type: head[at + 4] as FrameType,
    flags: head[at + 5] as number,
    operation: ((head[at + 6] as number) << 8) | (head[at + 7] as number),
    callId: u32(head, at + 8),
    deadlineMs: u32(head, at + 12),
    payload,
  };
}

/**
 * An error as the payload of a FAILURE frame. Its cause stays here.
 *
 *      u16 code | u32 retry after, seconds | u8 1 = nothing was done | u8 n, approval id | u8 n, receipt | detail
 */
export function encodeFailure(error: HsmError): Buffer {
  const detail = Buffer.from(error.detail.slice(0, 4096), "utf8");
  const approval = Buffer.from((error.approvalId ?? "").slice(0, 255), "latin1");
  const receipt = Buffer.from((error.receipt ?? "").slice(0, 255), "latin1");
  const payload = Buffer.alloc(9 + approval.length + receipt.length + detail.length);
  payload.writeUInt16BE(ERROR_CODES.indexOf(error.code), 0);
  payload.writeUInt32BE(Math.ceil(error.retryAfterSeconds ?? 0), 2);
  payload.writeUInt8(error.nothingDone ? 1 : 0, 6);
  payload.writeUInt8(approval.length, 7);
  approval.copy(payload, 8);
  payload.writeUInt8(receipt.length, 8 + approval.length);
  receipt.copy(payload, 9 + approval.length);
  detail.copy(payload, 9 + approval.length + receipt.length);
  return payload;
}

/** @throws {MalformedFrame} when the payload names no code of the table, or is cut short. */
export function decodeFailure(payload: Buffer): HsmError {
  const code: ErrorCode | undefined = payload.length < 9 ? undefined : ERROR_CODES[payload.readUInt16BE(0)];
  if (code === undefined) throw new MalformedFrame("failure without a known code");
  const retryAfterSeconds = payload.readUInt32BE(2);
  const nothingDone = payload.readUInt8(6) === 1;
  const receiptFrom = 9 + payload.readUInt8(7);
  const detailFrom = receiptFrom > payload.length ? Infinity : receiptFrom + payload.readUInt8(receiptFrom - 1);
  if (detailFrom > payload.length) throw new MalformedFrame("failure is cut short");
  const approvalId = payload.toString("latin1", 8, receiptFrom - 1);
  const receipt = payload.toString("latin1", receiptFrom, detailFrom);
  return new HsmError(code, payload.toString("utf8", detailFrom), {
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    ...(approvalId === "" ? {} : { approvalId }),
    ...(receipt === "" ? {} : { receipt }),
    nothingDone,
  });
}
