/**
 * HTTP/2 streams as exchanges.
 *
 * Only the 'stream' event is used, never 'request': the compatibility layer costs more and throws from its own
 * trailers outside every handler.
 *
 * @see RFC 9113; DESIGN §9
 */
import { createServer, type Http2Server, type IncomingHttpHeaders, type Http2Session, type Http2Stream, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { HsmError } from "@keystead/contract/errors";
import { collectBody } from "./collect-body.ts";
import type { Connection, Dispatch, Exchange, HeaderValues } from "./exchange.ts";

/** Bounds on what one client can make the server hold. */
const SETTINGS = Object.freeze({ maxConcurrentStreams: 512, maxHeaderListSize: 32 * 1024, initialWindowSize: 256 * 1024, enablePush: false });
const SESSION_MEMORY_MB = 32;

/** An HTTP/2 server without a port: sockets are handed to it. */
export function http2Exchanges(dispatch: Dispatch, connectionOf: (socket: Socket) => Connection): Http2Server {
  const server = createServer({ settings: SETTINGS, maxSessionMemory: SESSION_MEMORY_MB, maxHeaderListPairs: 64, maxSessionInvalidFrames: 16, maxSessionRejectedStreams: 64, unknownProtocolTimeout: 5_000, streamResetBurst: 200, streamResetRate: 50 } as never);
  const connections = new WeakMap<Http2Session, Connection>();
  server.on("session", (session: Http2Session) => {
    // The session's socket is a proxy; the one that was handed in carries the certificate.
    const connection = connectionOf(session.socket as Socket);
    connections.set(session, connection);
    session.on("error", () => session.destroy());
  });
  server.on("stream", (opened: Http2Stream, headers: IncomingHttpHeaders) => {
    const stream = opened as ServerHttp2Stream;
    stream.on("error", () => undefined);
    const connection = stream.session === undefined ? undefined : connections.get(stream.session);
    if (connection === undefined) return stream.close();
    dispatch(new Http2Exchange(stream, headers, connection));
  });
  server.on("sessionError", () => undefined);
  return server;
}

/** Zeroes a body once its stream is closed: 'finish' comes while nghttp2 still holds the bytes. */
function wipedOnClose(stream: ServerHttp2Stream, body: Buffer): Buffer {
  stream.once("close", () => body.fill(0));
  return body;
}

class Http2Exchange implements Exchange {
  readonly connection: Connection;
  readonly http2 = true;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  #trailers: HeaderValues | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Connection) {
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
    const announced = this.#headers["content-length"];
    return collectBody(this.#stream, announced === undefined ? undefined : Number(announced), limitBytes);
  }

  respond(status: number, headers: HeaderValues, body?: Buffer, trailers?: HeaderValues): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || stream.headersSent) return void body?.fill(0);
    if (trailers === undefined) {
      stream.respond({ ":status": status, ...headers } as never, { endStream: body === undefined });
      if (body !== undefined) stream.end(wipedOnClose(stream, body));
      return;
    }
    this.#trailers = trailers;
    stream.once("wantTrailers", () => this.#sendTrailers());
    stream.respond({ ":status": status, ...headers } as never, { waitForTrailers: true });
    if (body === undefined) stream.end();
    else stream.end(wipedOnClose(stream, body));
  }

  start(status: number, headers: HeaderValues): void {
    if (this.#stream.destroyed || this.#stream.headersSent) return;
    this.#stream.once("wantTrailers", () => this.#sendTrailers());
    this.#stream.respond({ ":status": status, ...headers } as never, { waitForTrailers: true });
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
    this.#stream.once("close", () => {
      if (!this.#stream.writableFinished) abort();
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
