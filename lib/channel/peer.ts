/**
 * One end of a channel: many requests in flight in both directions over one socket.
 *
 * Writes of one turn of the event loop leave in one system call, and payloads are zeroed on the way (outbox.ts). Everything is bounded: payload size, requests in flight each way, bytes waiting to be written.
 * A malformed frame, an unknown call id kind or a wrong greeting destroys this peer and nothing else. The socket is
 * given: this file opens nothing.
 *
 * Long, because the two directions share the greeting, the bounds and the end: one state, one class.
 */
import type { Socket } from "node:net";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import {
  FRAME,
  FrameReader,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  MalformedFrame,
  PROTOCOL_VERSION,
  decodeFailure,
  encodeFailure,
  type Frame,
  type FrameType,
} from "./frame.ts";
import { Outbox } from "./outbox.ts";
import { wipePayload, type Payload } from "./payload.ts";
import type { Inlet } from "./inlet.ts";

/** A request as the answering side sees it. */
export interface IncomingCall {
  readonly operation: number;
  readonly payload: Buffer;
  /** `performance.now()` value after which the answer is worthless; Infinity when there is none. */
  readonly deadline: number;
  /** Turns true when the caller cancelled or went away. */
  cancelled: boolean;
}

/**
 * Answers a request. What is returned belongs to the channel, which zeroes it once written. Throwing
 * {@link MalformedFrame} at once ends the peer; any other error is answered.
 */
export type Answer = (call: IncomingCall) => Payload | Promise<Payload>;

/** What went over channels, counted by whoever wants to know; one object may serve several peers, one after another. */
export interface Traffic {
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
}

export const noTraffic = (): Traffic => ({ framesSent: 0, framesReceived: 0, bytesSent: 0, bytesReceived: 0 });

export interface PeerOptions {
  /** Answers requests of the other side; without it a request is malformed. */
  readonly answer?: Answer;
  /** Requests this side may have in flight, 1 to 65536. Default 4096. */
  readonly maxInFlight?: number;
  /** Largest payload in bytes. Default 16 MiB. */
  readonly maxPayloadBytes?: number;
  /** Bytes waiting for the other side before this side stops reading its requests. Default 32 MiB. */
  readonly highWaterBytes?: number;
  /** The side that was handed the descriptor speaks first (ARCHITECTURE.md "Joining"). */
  readonly speaksFirst: boolean;
  /** What the socket reads into, when it was made with one; otherwise the socket's own chunks are taken. */
  readonly inlet?: Inlet;
  /** Counted on by this peer. */
  readonly traffic?: Traffic;
  /** Called once when the peer has ended, with the reason when it was a fault. */
  readonly onEnd?: (reason: Error | undefined) => void;
}

interface Pending {
  resolve(payload: Buffer): void;
  reject(error: HsmError): void;
  readonly deadline: number;
}

interface Inboxed {
  readonly frame: Frame;
  readonly call: IncomingCall;
  readonly answer: Answer;
}

const SWEEP_INTERVAL_MS = 25;
/** Requests that are begun in one turn of the event loop; answers of earlier turns are sent in between. */
const TURN_REQUESTS = 8;
/** Frames that leave without waiting for the end of the turn, so that the other side has work while more are made. */
const FLUSH_FRAMES = 16;

export class Peer {
  readonly #socket: Socket;
  readonly #options: PeerOptions;
  readonly #traffic: Traffic;
  readonly #reader: FrameReader;
  readonly #pending = new Map<number, Pending>();
  readonly #answering = new Map<number, IncomingCall>();
  readonly #maxInFlight: number;
  readonly #highWaterBytes: number;
  readonly #outbox: Outbox;
  #inbox: Inboxed[] = [];
  #answeredThisTurn = 0;
  #flushScheduled = false;
  #nextCallId = 1;
  #greeted = false;
  #paused = false;
  #ended = false;
  #draining = false;
  /** The other side said that it goes away: it may exit with bytes of ours unread, which the socket then calls a reset. */
  #left = false;
  #sweep: NodeJS.Timeout | undefined;
  #idleWaiters: (() => void)[] = [];
  readonly #deliver = (frame: Frame): void => this.#frame(frame);

  constructor(socket: Socket, options: PeerOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#traffic = options.traffic ?? noTraffic();
    this.#outbox = new Outbox(socket, () => this.#resumeIfRoom());
    this.#reader = options.inlet?.reader ?? new FrameReader(options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES);
    this.#maxInFlight = options.maxInFlight ?? 4096;
    this.#highWaterBytes = options.highWaterBytes ?? 32 * 1024 * 1024;
    if (options.inlet === undefined) socket.on("data", (chunk: Buffer) => this.#receive(() => this.#reader.push(chunk, this.#deliver)));
    else options.inlet.onFilled = (bytes) => this.#receive(() => this.#reader.filled(bytes, this.#deliver));
    socket.on("drain", () => this.#resumeIfRoom());
    socket.on("error", (error) => this.#end(this.#left ? undefined : error));
    socket.on("close", () => this.#end(undefined));
    if (options.speaksFirst) this.#greet();
  }

  /** Requests of this side that have no answer yet. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Requests of the other side that are being answered. */
  get answering(): number {
    return this.#answering.size;
  }

  /** Bytes that wait to be written. */
  get waitingBytes(): number {
    return this.#outbox.queuedBytes + this.#socket.writableLength;
  }

  /** True until the peer ended. */
  get open(): boolean {
    return !this.#ended;
  }

  /**
   * Sends a request; resolves with the reply's payload.
   *
   * @param payload belongs to the channel from now on, which zeroes it whatever becomes of the request.
   * @param deadlineMs relative, 1 to 2^31-1 milliseconds.
   * @throws {HsmError} what the other side answered; DEADLINE_EXCEEDED; PROVIDER_UNAVAILABLE when too many are in
   *   flight (nothing was sent) or when the peer ended (the outcome is unknown: repeat with the same request id).
   */
  request(operation: number, payload: Payload, deadlineMs: number, onCallId?: (cancel: () => void) => void): Promise<Buffer> {
    const refused = this.#whyNot();
    if (refused !== undefined) {
      wipePayload(payload);
      return Promise.reject(new HsmError("PROVIDER_UNAVAILABLE", refused, { retryAfterSeconds: 1, nothingDone: true }));
    }
    const callId = this.#nextCallId;
    this.#nextCallId = callId === 0xffffffff ? 1 : callId + 1;
    return new Promise<Buffer>((resolve, reject) => {
      this.#pending.set(callId, { resolve, reject, deadline: performance.now() + deadlineMs });
      this.#sweep ??= setInterval(() => this.#expire(), SWEEP_INTERVAL_MS).unref();
      this.#send(FRAME.request, operation, callId, deadlineMs, payload);
      onCallId?.(() => this.#cancel(callId));
    });
  }

  /** Why no request can be made now, if so. */
  #whyNot(): string | undefined {
    if (this.#ended) return "the vault is not connected";
    if (this.#draining) return "shutting down";
    const full =
      this.#pending.size >= this.#maxInFlight ||
      this.#outbox.queuedBytes > this.#highWaterBytes ||
      this.#socket.writableLength > this.#highWaterBytes;
    return full ? "too many requests are in flight" : undefined;
  }

  /**
   * Ends politely: refuses new work on both sides, resolves when nothing is in flight any more and every answer is with
   * the kernel, so that the process may exit.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    if (!this.#ended) this.#send(FRAME.goaway, 0, 0, 0, undefined);
    if (this.#pending.size + this.#answering.size > 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
    this.#flush();
    if (!this.#ended) await this.#outbox.written();
  }

  /** Ends at once. Requests in flight are rejected. */
  destroy(reason?: Error): void {
    this.#end(reason);
  }

  #greet(): void {
    this.#send(FRAME.hello, PROTOCOL_VERSION, 0, 0, undefined);
  }

  #cancel(callId: number): void {
    const pending = this.#pending.get(callId);
    if (pending === undefined) return;
    this.#pending.delete(callId);
    this.#withdraw(callId);
    pending.reject(new HsmError("CANCELLED", "the caller went away"));
    this.#wakeIfIdle();
  }

  /** Takes a request back, or tells the other side. */
  #withdraw(callId: number): void {
    if (!this.#outbox.withdraw(FRAME.request, callId)) this.#send(FRAME.cancel, 0, callId, 0, undefined);
  }

  #expire(): void {
    const now = performance.now();
    for (const [callId, pending] of this.#pending) {
      if (pending.deadline > now) continue;
      this.#pending.delete(callId);
      this.#withdraw(callId);
      pending.reject(new HsmError("DEADLINE_EXCEEDED", "no answer within the deadline; the outcome is unknown"));
    }
    if (this.#pending.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
      this.#wakeIfIdle();
    }
  }

  #send(type: FrameType, operation: number, callId: number, deadlineMs: number, payload: Payload | undefined): void {
    if (this.#ended) {
      if (payload !== undefined) wipePayload(payload);
      return;
    }
    this.#outbox.put({ type, operation, callId, deadlineMs, payload });
    if (this.#outbox.frames >= FLUSH_FRAMES) this.#flush();
    else this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended) return;
    // The other side knows no frame before its greeting was answered: until then everything waits.
    if (!this.#greeted && !this.#options.speaksFirst) return;
    this.#traffic.framesSent += this.#outbox.frames;
    this.#traffic.bytesSent += this.#outbox.queuedBytes;
    this.#outbox.flush();
    this.#pauseIfFull();
  }

  #pauseIfFull(): void {
    if (this.#paused || this.#socket.writableLength <= this.#highWaterBytes) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resumeIfRoom(): void {
    if (!this.#paused || this.#ended || this.#socket.writableLength > this.#highWaterBytes / 2) return;
    if (this.#answering.size >= this.#maxInFlight) return;
    this.#paused = false;
    this.#socket.resume();
  }

  #receive(read: () => void): void {
    if (this.#ended) return;
    try {
      read();
    } catch (error) {
      this.#end(error instanceof Error ? error : new MalformedFrame("unreadable frame"));
    }
  }

  #frame(frame: Frame): void {
    if (this.#ended) return;
    this.#traffic.framesReceived += 1;
    this.#traffic.bytesReceived += HEADER_BYTES + frame.payload.length;
    if (!this.#greeted) {
      if (frame.type !== FRAME.hello || frame.operation !== PROTOCOL_VERSION) throw new MalformedFrame("no greeting");
      this.#greeted = true;
      if (this.#options.speaksFirst) return;
      this.#outbox.putFirst({ type: FRAME.hello, operation: PROTOCOL_VERSION, callId: 0, deadlineMs: 0, payload: undefined });
      this.#scheduleFlush();
      return;
    }
    switch (frame.type) {
      case FRAME.request:
        return this.#request(frame);
      case FRAME.reply:
      case FRAME.failure: {
        const pending = this.#pending.get(frame.callId);
        // An answer to a call that was cancelled or timed out meanwhile is dropped, and its bytes with it.
        if (pending === undefined) {
          frame.payload.fill(0);
          return;
        }
        // Decoded before it is taken off the list: what cannot be decoded ends the peer, and with it every call listed.
        const failure = frame.type === FRAME.failure ? decodeFailure(frame.payload) : undefined;
        this.#pending.delete(frame.callId);
        if (failure === undefined) pending.resolve(frame.payload);
        else pending.reject(failure);
        this.#wakeIfIdle();
        return;
      }
      case FRAME.cancel: {
        const call = this.#answering.get(frame.callId);
        if (call !== undefined) call.cancelled = true;
        return;
      }
      case FRAME.goaway:
        this.#left = true;
        return;
      default:
        throw new MalformedFrame("greeted twice");
    }
  }

  #request(frame: Frame): void {
    const answer = this.#options.answer;
    if (answer === undefined) throw new MalformedFrame("requests are not answered on this side");
    if (this.#answering.has(frame.callId)) throw new MalformedFrame("call id in use");
    if (this.#draining) {
      this.#send(
        FRAME.failure,
        frame.operation,
        frame.callId,
        0,
        encodeFailure(new HsmError("PROVIDER_UNAVAILABLE", "shutting down", { retryAfterSeconds: 1, nothingDone: true })),
      );
      return;
    }
    const deadline = frame.deadlineMs === 0 ? Infinity : performance.now() + frame.deadlineMs;
    const call: IncomingCall = { operation: frame.operation, payload: frame.payload, deadline, cancelled: false };
    this.#answering.set(frame.callId, call);
    if (this.#answering.size >= this.#maxInFlight && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
    if (this.#answeredThisTurn === 0) setImmediate(() => this.#nextTurn());
    if (this.#answeredThisTurn >= TURN_REQUESTS) return void this.#inbox.push({ frame, call, answer });
    this.#answeredThisTurn += 1;
    this.#answer(frame, call, answer);
  }

  /**
   * Requests that came together are answered a little at a time, so that the first answers are recorded and sent
   * while the later ones are worked on: otherwise a burst keeps the other side waiting for its last answer.
   */
  #nextTurn(): void {
    this.#answeredThisTurn = 0;
    if (this.#inbox.length === 0 || this.#ended) return;
    const turn = this.#inbox.splice(0, TURN_REQUESTS);
    this.#answeredThisTurn = turn.length;
    setImmediate(() => this.#nextTurn());
    try {
      for (const { frame, call, answer } of turn) this.#answer(frame, call, answer);
    } catch (error) {
      this.#end(error instanceof Error ? error : new MalformedFrame("unreadable call"));
    }
  }

  #answer(frame: Frame, call: IncomingCall, answer: Answer): void {
    let result: Payload | Promise<Payload>;
    try {
      result = answer(call);
    } catch (error) {
      // A call whose envelope cannot be read comes from a broken peer, not from a client.
      if (error instanceof MalformedFrame) throw error;
      return this.#answered(frame, FRAME.failure, encodeFailure(asHsmError(error)));
    }
    if (result instanceof Promise) {
      result.then(
        (payload) => this.#answered(frame, FRAME.reply, payload),
        (error: unknown) => this.#answered(frame, FRAME.failure, encodeFailure(asHsmError(error))),
      );
    } else {
      this.#answered(frame, FRAME.reply, result);
    }
  }

  #answered(frame: Frame, type: FrameType, payload: Payload): void {
    this.#answering.delete(frame.callId);
    // The request may have carried a plaintext or a credential; nobody needs it any more.
    frame.payload.fill(0);
    this.#send(type, frame.operation, frame.callId, 0, payload);
    this.#resumeIfRoom();
    this.#wakeIfIdle();
  }

  #wakeIfIdle(): void {
    if (this.#pending.size + this.#answering.size > 0) return;
    for (const wake of this.#idleWaiters.splice(0)) wake();
  }

  #end(reason: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#sweep);
    this.#socket.destroy();
    for (const call of this.#answering.values()) call.cancelled = true;
    for (const pending of this.#pending.values()) {
      pending.reject(
        new HsmError(
          "PROVIDER_UNAVAILABLE",
          "the connection between our processes was lost; the outcome is unknown, repeat with the same request id",
          { retryAfterSeconds: 1 },
        ),
      );
    }
    this.#pending.clear();
    this.#answering.clear();
    this.#outbox.discard();
    this.#wakeIfIdle();
    this.#options.onEnd?.(reason);
  }
}
