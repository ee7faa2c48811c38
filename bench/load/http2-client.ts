/**
 * HTTP/2 as a client that only ever sends one request again and again: frames written and read by hand.
 *
 * The request's header block is sent once as literals that enter the server's table and from then on as indexes, as
 * any client with a header table does. Replies are counted by their END_STREAM; a call is good when it had a DATA
 * frame (a refused gRPC call is trailers alone; a refused Connect call has another status, see `statusOf`).
 *
 * Not a general client: no push, no CONTINUATION. A body above one frame is sent in frames as the windows allow.
 *
 * @see RFC 9113, RFC 7541
 */
import type { TLSSocket } from "node:tls";

const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const ACK = 0x1;
const HEAD_BYTES = 9;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_BYTES = 16_384;
const FIRST_WINDOW = 65_535;
const WIDE_WINDOW = 0x3fffffff;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Told of each finished call. `body` is the first DATA frame's payload, valid until the call returns. */
export type Finished = (good: boolean, body: Buffer | undefined) => void;

function head(length: number, type: number, flags: number, stream: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  return bytes;
}

const literal = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);

interface Call {
  readonly finished: Finished;
  body: Buffer | undefined;
  good: boolean;
  /** Bytes of the request body that have left, and those that the stream's window still admits. */
  sent: number;
  window: number;
}

/** A DATA frame of which so many bytes are still to come and are not looked at. */
interface Passing {
  left: number;
  readonly flags: number;
  readonly stream: number;
}

export class Http2Client {
  readonly #socket: TLSSocket;
  readonly #firstBlock: Buffer;
  readonly #request: Buffer;
  readonly #data: Buffer;
  readonly #dataBytes: number;
  readonly #calls = new Map<number, Call>();
  /** Hands over whole reply bodies instead of their first frame. */
  collect = false;
  readonly #held: Finished[] = [];
  #nextStream = 1;
  #window = FIRST_WINDOW;
  #streamWindow = FIRST_WINDOW;
  #unread: Buffer = Buffer.alloc(0);
  #consumed = 0;
  #outgoing: Buffer[] = [];
  #flushing = false;
  #passing: Passing | undefined;
  #failed: Error | undefined;

  /** @param headers in order, pseudo-headers first, each under 127 bytes; @param body sent with every call */
  constructor(socket: TLSSocket, headers: readonly (readonly [string, string])[], body: Buffer) {
    this.#socket = socket;
    // Literal with incremental indexing, new name; the last one added has index 62 (RFC 7541 §2.3.3, §6.2.1).
    this.#firstBlock = Buffer.concat(headers.map(([name, value]) => Buffer.concat([Buffer.from([0x40]), literal(name), literal(value)])));
    const indexed = Buffer.from(headers.map((_header, place) => 0x80 | (61 + headers.length - place)));
    this.#data = body;
    this.#dataBytes = body.length;
    const opening = [head(indexed.length, TYPE.headers, END_HEADERS, 0), indexed];
    this.#request = Buffer.concat(this.#large ? opening : [...opening, head(body.length, TYPE.data, END_STREAM, 0), body]);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(2, 0); // no push
    settings.writeUInt16BE(4, 6); // stream window
    settings.writeUInt32BE(WIDE_WINDOW, 8);
    const update = Buffer.alloc(4);
    update.writeUInt32BE(WIDE_WINDOW - FIRST_WINDOW, 0);
    this.#write(Buffer.concat([PREFACE, head(12, TYPE.settings, 0, 0), settings, head(4, TYPE.windowUpdate, 0, 0), update]));
  }

  /** Sends the request; `finished` is called once. */
  call(finished: Finished): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (!this.#large && this.#window < this.#dataBytes) return void this.#held.push(finished);
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const call: Call = { finished, body: undefined, good: false, sent: 0, window: this.#streamWindow };
    this.#calls.set(stream, call);
    const first = stream === 1;
    const skip = first ? HEAD_BYTES + this.#request.readUIntBE(0, 3) : 0;
    const bytes = Buffer.allocUnsafe(this.#request.length - skip);
    this.#request.copy(bytes, 0, skip);
    if (first) this.#write(Buffer.concat([head(this.#firstBlock.length, TYPE.headers, END_HEADERS, 1), this.#firstBlock]));
    else bytes.writeUInt32BE(stream, 5);
    if (this.#large) {
      if (bytes.length > 0) this.#write(bytes);
      return this.#pump(stream, call);
    }
    this.#window -= this.#dataBytes;
    bytes.writeUInt32BE(stream, bytes.length - this.#dataBytes - 4);
    this.#write(bytes);
  }

  /** The body does not fit one frame, or not the first window of a stream. */
  get #large(): boolean {
    return this.#dataBytes > MAX_FRAME_BYTES;
  }

  /** Sends as much of a large body as the windows admit. */
  #pump(stream: number, call: Call): void {
    while (call.sent < this.#dataBytes) {
      const bytes = Math.min(MAX_FRAME_BYTES, this.#dataBytes - call.sent, call.window, this.#window);
      if (bytes <= 0) return;
      const end = call.sent + bytes;
      this.#write(head(bytes, TYPE.data, end === this.#dataBytes ? END_STREAM : 0, stream));
      this.#write(this.#data.subarray(call.sent, end));
      call.sent = end;
      call.window -= bytes;
      this.#window -= bytes;
    }
  }

  close(): void {
    this.#failed ??= new Error("closed");
    this.#socket.destroy();
  }

  #write(bytes: Buffer): void {
    this.#outgoing.push(bytes);
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flushing = false;
      const outgoing = this.#outgoing;
      this.#outgoing = [];
      if (outgoing.length === 1) return void this.#socket.write(outgoing[0] as Buffer);
      if (!this.#large) return void this.#socket.write(Buffer.concat(outgoing));
      // The pieces of a large body are joined by the socket, outside of the collected heap.
      this.#socket.cork();
      for (const piece of outgoing) this.#socket.write(piece);
      this.#socket.uncork();
    });
  }

  #fail(error: Error): void {
    if (this.#failed !== undefined) return;
    this.#failed = error;
    throw error;
  }

  #receive(chunk: Buffer): void {
    let at = this.#passing === undefined ? 0 : this.#pass(chunk, 0);
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    while (bytes.length - at >= HEAD_BYTES) {
      const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      const end = at + HEAD_BYTES + length;
      const flags = bytes[at + 4] as number;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      if (end > bytes.length) {
        // Of a reply's body only the first frame is looked at.
        if (bytes[at + 3] !== TYPE.data || this.collect || this.#calls.get(stream)?.body === undefined) break;
        this.#credit(length);
        this.#passing = { left: length, flags, stream };
        at = this.#pass(bytes, at + HEAD_BYTES);
        break;
      }
      this.#frame(bytes[at + 3] as number, flags, stream, bytes.subarray(at + HEAD_BYTES, end));
      at = end;
    }
    this.#unread = bytes.subarray(at);
  }

  /** Passes over bytes from `at`; returns where to go on. */
  #pass(bytes: Buffer, at: number): number {
    const passing = this.#passing as Passing;
    const taken = Math.min(passing.left, bytes.length - at);
    passing.left -= taken;
    if (passing.left === 0) {
      this.#passing = undefined;
      if ((passing.flags & END_STREAM) !== 0) this.#frame(TYPE.data, END_STREAM, passing.stream, Buffer.alloc(0));
    }
    return at + taken;
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === TYPE.data || type === TYPE.headers) {
      const call = this.#calls.get(stream);
      if (call === undefined) throw new Error("a frame for a stream that is not open");
      if (type === TYPE.data) {
        this.#credit(payload.length);
        if (payload.length > 0 && call.body === undefined) call.body = payload;
        else if (this.collect && call.body !== undefined) call.body = Buffer.concat([call.body, payload]);
      } else if (!call.good && call.body === undefined) {
        call.good = statusOf(payload) === 200;
      }
      if ((flags & END_STREAM) === 0) return;
      this.#calls.delete(stream);
      call.finished(call.good && call.body !== undefined, call.body);
      return;
    }
    switch (type) {
      case TYPE.settings:
        if ((flags & ACK) !== 0) return;
        this.#settings(payload);
        return this.#write(head(0, TYPE.settings, ACK, 0));
      case TYPE.ping:
        if ((flags & ACK) === 0) this.#write(Buffer.concat([head(8, TYPE.ping, ACK, 0), payload]));
        return;
      case TYPE.windowUpdate:
        if (stream === 0) this.#window += payload.readUInt32BE(0);
        if (this.#large) return this.#widen(stream, stream === 0 ? 0 : payload.readUInt32BE(0));
        while (this.#held.length > 0 && this.#window >= this.#dataBytes) this.call(this.#held.shift() as Finished);
        return;
      case TYPE.reset:
        this.#calls.get(stream)?.finished(false, undefined);
        this.#calls.delete(stream);
        return;
      case TYPE.goaway:
        return this.#fail(new Error(`the server said goodbye (${payload.readUInt32BE(4)})`));
      case TYPE.continuation:
        throw new Error("CONTINUATION is not understood here");
      default:
    }
  }

  /** A new first window counts for open streams too (RFC 9113 §6.9.2). */
  #settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== INITIAL_WINDOW_SIZE) continue;
      const window = payload.readUInt32BE(at + 2);
      for (const call of this.#calls.values()) call.window += window - this.#streamWindow;
      this.#streamWindow = window;
    }
    if (this.#large) this.#widen(0, 0);
  }

  /** More room for one stream, or for all of them. */
  #widen(stream: number, bytes: number): void {
    const call = this.#calls.get(stream);
    if (call !== undefined) call.window += bytes;
    for (const [id, waiting] of call === undefined ? this.#calls : [[stream, call] as const]) this.#pump(id, waiting);
  }

  /** Gives the server back the connection window it used. */
  #credit(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < 0x1000000) return;
    const update = Buffer.alloc(4);
    update.writeUInt32BE(this.#consumed, 0);
    this.#consumed = 0;
    this.#write(Buffer.concat([head(4, TYPE.windowUpdate, 0, 0), update]));
  }
}

/** Status of a response header block: the server begins it with the static entry of 200, or with another status. */
function statusOf(block: Buffer): number {
  let at = 0;
  // Dynamic table size updates may stand in front (RFC 7541 §6.3).
  while (((block[at] as number) & 0xe0) === 0x20) at += 1;
  return block[at] === 0x88 ? 200 : 0;
}
