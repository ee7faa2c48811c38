/**
 * What one end of a channel has to send: frames of one turn of the event loop leave in one system call.
 *
 * Payloads belong to the outbox from the moment they are put in, and are zeroed: a small one when it was copied
 * beside its header, a large one, which is written from where it lies, when the kernel has all of it, and one that
 * does not leave at once. This file knows nothing of calls.
 */
import type { Socket } from "node:net";
import { HEADER_BYTES, writeHeader, type FrameType } from "./frame.ts";
import { movePayload, payloadBytes, piecesOf, wipePayload, type Payload } from "./payload.ts";

export interface OutgoingFrame {
  readonly type: FrameType;
  readonly operation: number;
  readonly callId: number;
  readonly deadlineMs: number;
  readonly payload: Payload | undefined;
}

interface Queued extends OutgoingFrame {
  readonly bytes: number;
}

const queued = ({ type, operation, callId, deadlineMs, payload }: OutgoingFrame): Queued => ({
  type,
  operation,
  callId,
  deadlineMs,
  payload,
  bytes: payload === undefined ? 0 : payloadBytes(payload),
});

const SLAB_BYTES = 64 * 1024;
/** Payloads from this size on are not copied: a system call with one piece more costs less. */
const LARGE_BYTES = 32 * 1024;

export class Outbox {
  readonly #socket: Socket;
  readonly #onWritten: () => void;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  /** Of those, what will be copied: headers and small payloads. */
  #copiedBytes = 0;
  /** Writes the kernel has not taken whole. */
  #writing = 0;
  #waiters: (() => void)[] = [];
  #freeSlab: Buffer | undefined = Buffer.alloc(SLAB_BYTES);

  /** @param onWritten called whenever the kernel has taken a write */
  constructor(socket: Socket, onWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = onWritten;
  }

  /** Frames that wait for {@link flush}. */
  get frames(): number {
    return this.#queue.length;
  }

  /** Bytes that wait for {@link flush}. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  put(frame: OutgoingFrame): void {
    const waiting = queued(frame);
    const { bytes } = waiting;
    this.#queue.push(waiting);
    this.#queuedBytes += HEADER_BYTES + bytes;
    this.#copiedBytes += HEADER_BYTES + (bytes < LARGE_BYTES ? bytes : 0);
  }

  /** Takes a frame back that has not left. @returns whether there was one */
  withdraw(type: FrameType, callId: number): boolean {
    const place = this.#queue.findIndex((waiting) => waiting.type === type && waiting.callId === callId);
    const [taken] = place === -1 ? [] : this.#queue.splice(place, 1);
    if (taken === undefined) return false;
    this.#queuedBytes -= HEADER_BYTES + taken.bytes;
    this.#copiedBytes -= HEADER_BYTES + (taken.bytes < LARGE_BYTES ? taken.bytes : 0);
    if (taken.payload !== undefined) wipePayload(taken.payload);
    return true;
  }

  /** Puts a frame before everything that waits. */
  putFirst(frame: OutgoingFrame): void {
    const held = this.#queue;
    this.#queue = [];
    this.put(frame);
    this.#queue.push(...held);
  }

  /** Hands everything that waits to the socket. */
  flush(): void {
    const queue = this.#queue;
    if (queue.length === 0) return;
    const slab = this.#slab(this.#copiedBytes);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#copiedBytes = 0;
    const writes: Buffer[] = [];
    const large: Payload[] = [];
    let begun = 0;
    let at = 0;
    for (const { type, operation, callId, deadlineMs, payload, bytes } of queue) {
      writeHeader(slab, at, type, 0, operation, callId, deadlineMs, bytes);
      at += HEADER_BYTES;
      if (payload === undefined) continue;
      if (bytes < LARGE_BYTES) {
        at = movePayload(payload, slab, at);
        continue;
      }
      writes.push(slab.subarray(begun, at), ...piecesOf(payload));
      large.push(payload);
      begun = at;
    }
    if (begun < at) writes.push(begun === 0 && at === slab.length ? slab : slab.subarray(begun, at));
    this.#writing += 1;
    this.#write(writes, () => {
      slab.fill(0, 0, at);
      for (const payload of large) wipePayload(payload);
      if (slab.length === SLAB_BYTES) this.#freeSlab = slab;
      this.#writing -= 1;
      if (this.#writing === 0) this.#wake();
      this.#onWritten();
    });
  }

  /** Resolves when the kernel has everything that was flushed, or nothing more will be written. */
  async written(): Promise<void> {
    if (this.#writing > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Drops what waits. The socket has been destroyed: it reports what it had been given. */
  discard(): void {
    for (const { payload } of this.#queue.splice(0)) if (payload !== undefined) wipePayload(payload);
    this.#wake();
  }

  #slab(bytes: number): Buffer {
    const free = this.#freeSlab;
    if (bytes > SLAB_BYTES || free === undefined) return Buffer.allocUnsafeSlow(bytes);
    this.#freeSlab = undefined;
    return free;
  }

  #write(pieces: readonly Buffer[], done: () => void): void {
    if (pieces.length === 1) return void this.#socket.write(pieces[0] as Buffer, done);
    this.#socket.cork();
    pieces.forEach((piece, index) => this.#socket.write(piece, index === pieces.length - 1 ? done : undefined));
    this.#socket.uncork();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
