/**
 * HTTP/2 streams as exchanges.
 *
 * Only the 'stream' event is used, never 'request': the compatibility layer costs more and throws from its own
 * trailers outside every handler.
 *
 * @see RFC 9113
 */
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { piecesOf, wipePayload, type Payload } from "@keystead/channel/payload";
import { HsmError } from "@keystead/contract/errors";
import type { BodyIntake } from "./body-intake.ts";
import type { Connection, Dispatch, Exchange, HeaderValues } from "./exchange.ts";
import { wipeWritten, type WriteQueue } from "./wipe-written.ts";

/** Bounds on what one client can make the server hold. */
const SETTINGS = Object.freeze({
  maxConcurrentStreams: 512,
  maxHeaderListSize: 32 * 1024,
  initialWindowSize: 1024 * 1024,
  enablePush: false,
});
const SESSION_MEMORY_MB = 32;
/** What one connection may have under way, on all streams together; HTTP/2's own 64 KiB stop a large body every 32 KiB. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** How long a connection may be silent: before its first request, and between requests. */
const FIRST_REQUEST_MS = 10_000;
const IDLE_MS = 600_000;
/** How long a client may take to acknowledge that the port closes. */
const ACKNOWLEDGE_MS = 500;
/** Largest stream id: GOAWAY with it announces the end and refuses nothing yet (RFC 9113 §6.8). */
const LAST_STREAM_ID = 2 ** 31 - 1;

export interface Http2Options {
  readonly dispatch: Dispatch;
  readonly connectionOf: (socket: Socket) => Connection;
  readonly intake: BodyIntake;
}

/** An HTTP/2 server without a port: sockets are handed to it. */
export class Http2Front {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  #draining = false;

  constructor({ dispatch, connectionOf, intake }: Http2Options) {
    // streamResetBurst and streamResetRate bound rapid resets (CVE-2023-44487).
    this.#server = createServer({
      settings: SETTINGS,
      maxSessionMemory: SESSION_MEMORY_MB,
      maxHeaderListPairs: 64,
      maxSessionInvalidFrames: 16,
      maxSessionRejectedStreams: 64,
      unknownProtocolTimeout: 5_000,
      streamResetBurst: 200,
      streamResetRate: 50,
    } as never);
    const sessions = new WeakMap<ServerHttp2Session, { readonly connection: Connection; readonly queue: WriteQueue | undefined }>();
    this.#server.on("session", (session: ServerHttp2Session) => {
      // The session's socket is a proxy that passes on what evidence is made of.
      const socket = session.socket as Socket;
      sessions.set(session, { connection: connectionOf(socket), queue: (socket as unknown as { _handle?: WriteQueue })._handle });
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.on("error", () => session.destroy());
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      session.setTimeout(FIRST_REQUEST_MS, () => session.close());
      session.once("stream", () => session.setTimeout(IDLE_MS));
      if (this.#draining) drainSession(session);
    });
    this.#server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on("error", () => undefined);
      const session = stream.session === undefined ? undefined : sessions.get(stream.session as ServerHttp2Session);
      if (session === undefined) return stream.close();
      dispatch(new Http2Exchange(stream, headers, session.connection, session.queue, intake));
    });
    this.#server.on("sessionError", () => undefined);
  }

  /** Takes over a connection. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Announces the end; requests that were sent before the client knew are answered, then the connections end. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions) drainSession(session);
  }
}

function drainSession(session: ServerHttp2Session): void {
  if (session.destroyed || session.closed) return;
  session.goaway(0, LAST_STREAM_ID);
  // Whatever was sent before the client saw the announcement is here when its answer to the ping is.
  const timer = setTimeout(() => session.close(), ACKNOWLEDGE_MS);
  session.ping(() => {
    clearTimeout(timer);
    if (!session.destroyed) session.close();
  });
}

/** Zeroes a body when it has been written. */
function wipedOnClose(stream: ServerHttp2Stream, body: Buffer, queue: WriteQueue | undefined): Buffer {
  stream.once("close", () => wipeWritten(body, queue));
  return body;
}

class Http2Exchange implements Exchange {
  /** Undefined most of the time. */
  #besides: Record<string, string> | undefined;
  readonly connection: Connection;
  readonly http2 = true;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  #trailers: HeaderValues | undefined;

  readonly #intake: BodyIntake;
  readonly #queue: WriteQueue | undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    connection: Connection,
    queue: WriteQueue | undefined,
    intake: BodyIntake,
  ) {
    this.#intake = intake;
    this.#queue = queue;
    this.#stream = stream;
    this.#headers = headers;
    this.connection = connection;
    this.method = headers[":method"] ?? "";
    const target = headers[":path"] ?? "/";
    const mark = target.indexOf("?");
    this.path = mark === -1 ? target : target.slice(0, mark);
    this.query = mark === -1 ? "" : target.slice(mark + 1);
  }

  get hasBody(): boolean {
    return !this.#stream.endAfterHeaders;
  }

  get chunks(): AsyncIterable<Buffer> {
    // Leaving the loop early must not destroy the stream: an answer is still to come.
    return this.#stream.iterator({ destroyOnReturn: false });
  }

  get started(): boolean {
    return this.#stream.headersSent;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name === "host" ? ":authority" : name] ?? (name === "host" ? this.#headers.host : undefined);
    return Array.isArray(value) ? value.join(", ") : value;
  }

  readBody(limitBytes: number): Promise<Buffer> {
    return this.#intake.collect(this.#stream, this.#announced, limitBytes);
  }

  readPieces(limitBytes: number): Promise<Buffer[]> {
    return this.#intake.pieces(this.#stream, this.#announced, limitBytes);
  }

  get #announced(): number | undefined {
    const announced = this.#headers["content-length"];
    return announced === undefined ? undefined : Number(announced);
  }

  alsoAnswer(name: string, value: string): void {
    this.#besides = { ...this.#besides, [name]: value };
  }

  respond(status: number, headers: HeaderValues, content?: Buffer | string): void {
    const body = typeof content === "string" ? Buffer.from(content, "utf8") : content;
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || stream.headersSent) return void body?.fill(0);
    const endStream = body === undefined || this.method === "HEAD";
    stream.respond({ ":status": status, ...headers, ...this.#besides } as never, { endStream });
    if (body !== undefined && endStream) body.fill(0);
    else if (body !== undefined) stream.end(wipedOnClose(stream, body, this.#queue));
  }

  respondWithTrailers(status: number, headers: HeaderValues, body: Payload, trailers: HeaderValues): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || stream.headersSent) return wipePayload(body);
    this.#trailers = trailers;
    stream.once("wantTrailers", () => this.#sendTrailers());
    stream.respond({ ":status": status, ...headers, ...this.#besides } as never, { waitForTrailers: true });
    const pieces = piecesOf(body);
    stream.cork();
    for (const piece of pieces) stream.write(wipedOnClose(stream, piece, this.#queue));
    stream.end();
  }

  start(status: number, headers: HeaderValues): void {
    if (this.#stream.destroyed || this.#stream.headersSent) return;
    this.#stream.once("wantTrailers", () => this.#sendTrailers());
    this.#stream.respond({ ":status": status, ...headers, ...this.#besides } as never, { waitForTrailers: true });
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#stream.destroyed) throw new HsmError("CANCELLED", "the client went away");
    if (this.#stream.write(chunk)) return;
    await new Promise<void>((resolve) => {
      this.#stream.once("drain", resolve);
      this.#stream.once("close", resolve);
    });
  }

  end(trailers?: HeaderValues): void {
    this.#trailers = trailers;
    if (!this.#stream.destroyed) this.#stream.end();
  }

  onAbort(abort: () => void): void {
    // A reset ends the writable side too, so 'finished' alone would hide it.
    this.#stream.once("close", () => {
      if (this.#stream.aborted || !this.#stream.writableFinished) abort();
    });
  }

  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers((this.#trailers ?? {}) as never);
    } catch {
      this.#stream.close();
    }
  }
}
