/**
 * HTTP/1.1 requests as exchanges.
 *
 * @see RFC 9112
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { HsmError } from "@keystead/contract/errors";
import type { BodyIntake } from "./body-intake.ts";
import type { Connection, Dispatch, Exchange, HeaderValues } from "./exchange.ts";

/** How long the head of a request may take, against clients that send a byte a minute. */
const HEADERS_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
/** How long a quiet connection may still send a request once the port closes: one may be on its way. */
const LAST_REQUEST_MS = 300;

export interface Http1Options {
  readonly dispatch: Dispatch;
  readonly connectionOf: (socket: Socket) => Connection;
  readonly intake: BodyIntake;
  readonly requestTimeoutSeconds: number;
}

/** An HTTP/1.1 server without a port: sockets are handed to it. */
export class Http1Front {
  readonly #server: Server;
  /** Requests without a finished answer, by connection. */
  readonly #active = new Map<Socket, number>();
  #draining = false;

  constructor({ dispatch, connectionOf, intake, requestTimeoutSeconds }: Http1Options) {
    const connections = new WeakMap<Socket, Connection>();
    const requestTimeout = requestTimeoutSeconds * 1000;
    this.#server = createServer({
      headersTimeout: Math.min(HEADERS_MS, requestTimeout),
      requestTimeout,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 32 * 1024,
      insecureHTTPParser: false,
      noDelay: true,
    });
    this.#server.maxHeadersCount = 64;
    // Node watches its timeouts only on a server that listens; this one never does, so it is told that it did.
    this.#server.emit("listening");
    this.#server.on("request", (request, response) => {
      const { socket } = request;
      // RFC 9112 §3.2: more than one Host is answered with 400, or two readers could see two hosts.
      if ((request.headersDistinct["host"]?.length ?? 0) > 1)
        return void response.writeHead(400, { connection: "close", "content-length": 0 }).end();
      let connection = connections.get(socket);
      if (connection === undefined) connections.set(socket, (connection = connectionOf(socket)));
      this.#active.set(socket, (this.#active.get(socket) ?? 0) + 1);
      response.once("close", () => this.#answered(socket));
      dispatch(new Http1Exchange(request, response, connection, intake, () => this.#draining));
    });
    this.#server.on("upgrade", (_request, socket) => socket.destroy());
    this.#server.on("connect", (_request, socket) => socket.destroy());
  }

  /** Takes over a connection. */
  accept(socket: Socket): void {
    this.#active.set(socket, 0);
    socket.once("close", () => this.#active.delete(socket));
    this.#server.emit("connection", socket);
  }

  /** Every answer from now on is its connection's last; connections without a request end shortly. */
  drain(): void {
    this.#draining = true;
    setTimeout(() => {
      for (const [socket, active] of this.#active) if (active === 0) socket.destroySoon();
    }, LAST_REQUEST_MS);
  }

  /** Stops watching timeouts; nothing may come in any more. */
  close(): void {
    this.#server.close();
  }

  #answered(socket: Socket): void {
    const active = this.#active.get(socket);
    if (active !== undefined) this.#active.set(socket, active - 1);
  }
}

class Http1Exchange implements Exchange {
  /** Undefined most of the time. */
  #besides: Record<string, string> | undefined;
  readonly connection: Connection;
  readonly http2 = false;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  readonly #intake: BodyIntake;
  readonly #last: () => boolean;

  /** @param last true when this answer is to be the last of its connection */
  constructor(request: IncomingMessage, response: ServerResponse, connection: Connection, intake: BodyIntake, last: () => boolean) {
    this.#intake = intake;
    this.#last = last;
    this.#request = request;
    this.#response = response;
    this.connection = connection;
    this.method = request.method ?? "";
    const target = request.url ?? "/";
    const mark = target.indexOf("?");
    this.path = mark === -1 ? target : target.slice(0, mark);
    this.query = mark === -1 ? "" : target.slice(mark + 1);
  }

  get hasBody(): boolean {
    const { headers } = this.#request;
    return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
  }

  get chunks(): AsyncIterable<Buffer> {
    // Leaving the loop early must not destroy the request: an answer is still to come.
    return this.#request.iterator({ destroyOnReturn: false });
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  readBody(limitBytes: number): Promise<Buffer> {
    return this.#intake.collect(this.#request, this.#announced, limitBytes);
  }

  readPieces(limitBytes: number): Promise<Buffer[]> {
    return this.#intake.pieces(this.#request, this.#announced, limitBytes);
  }

  get #announced(): number | undefined {
    const announced = this.#request.headers["content-length"];
    return announced === undefined ? undefined : Number(announced);
  }

  alsoAnswer(name: string, value: string): void {
    this.#besides = { ...this.#besides, [name]: value };
  }

  respond(status: number, headers: HeaderValues, body: Buffer | string = ""): void {
    const response = this.#response;
    if (response.destroyed || response.headersSent) {
      if (typeof body !== "string") body.fill(0);
      return;
    }
    if (this.#last()) response.shouldKeepAlive = false;
    response.writeHead(status, { ...headers, ...this.#besides, "content-length": Buffer.byteLength(body) } as never);
    if (typeof body !== "string") response.once("close", () => body.fill(0));
    if (this.method === "HEAD") response.end();
    else response.end(body);
  }

  respondWithTrailers(): never {
    throw new TypeError("there are no trailers in HTTP/1.1 here");
  }

  start(status: number, headers: HeaderValues): void {
    if (this.#response.headersSent) return;
    if (this.#last()) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, { ...headers, ...this.#besides } as never);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#response.destroyed) throw new HsmError("CANCELLED", "the client went away");
    if (this.#response.write(chunk)) return;
    await new Promise<void>((resolve) => {
      this.#response.once("drain", resolve);
      this.#response.once("close", resolve);
    });
  }

  end(): void {
    this.#response.end();
  }

  onAbort(abort: () => void): void {
    this.#response.once("close", () => {
      if (!this.#response.writableFinished) abort();
    });
  }
}
