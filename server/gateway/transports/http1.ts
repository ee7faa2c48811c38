/**
 * HTTP/1.1 requests as exchanges.
 *
 * @see RFC 9112
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { HsmError } from "@keystead/contract/errors";
import { collectBody } from "./collect-body.ts";
import type { Connection, Dispatch, Exchange, HeaderValues } from "./exchange.ts";

/** How long a client may take, against clients that send a byte a minute. */
export interface Http1Limits {
  readonly requestTimeoutSeconds: number;
}

const HEADERS_MS = 10_000;

/** An HTTP/1.1 server without a port: sockets are handed to it. */
export function http1Exchanges(dispatch: Dispatch, connectionOf: (socket: Socket) => Connection, limits: Http1Limits): Server {
  const connections = new WeakMap<Socket, Connection>();
  const requestTimeout = limits.requestTimeoutSeconds * 1000;
  const server = createServer({
    headersTimeout: Math.min(HEADERS_MS, requestTimeout), requestTimeout, keepAliveTimeout: 65_000, connectionsCheckingInterval: 2_000,
    maxHeaderSize: 32 * 1024, insecureHTTPParser: false, noDelay: true,
  });
  server.maxHeadersCount = 64;
  server.on("request", (request, response) => {
    let connection = connections.get(request.socket);
    if (connection === undefined) connections.set(request.socket, (connection = connectionOf(request.socket)));
    dispatch(new Http1Exchange(request, response, connection));
  });
  // Node watches its timeouts only on a server that listens; this one never does, so it is told that it did.
  server.emit("listening");
  server.on("upgrade", (_request, socket) => socket.destroy());
  server.on("connect", (_request, socket) => socket.destroy());
  return server;
}

class Http1Exchange implements Exchange {
  readonly connection: Connection;
  readonly http2 = false;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, connection: Connection) {
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
    const announced = this.#request.headers["content-length"];
    return collectBody(this.#request, announced === undefined ? undefined : Number(announced), limitBytes);
  }

  respond(status: number, headers: HeaderValues, body?: Buffer): void {
    const response = this.#response;
    if (response.destroyed || response.headersSent) return void body?.fill(0);
    // A body that was not read to its end would be taken for the next request.
    const extra = this.#request.complete || !this.hasBody ? {} : { connection: "close" };
    response.writeHead(status, { ...headers, ...extra, "content-length": body?.length ?? 0 } as never);
    if (body === undefined || this.method === "HEAD") response.end();
    else {
      response.once("close", () => body.fill(0));
      response.end(body);
    }
  }

  start(status: number, headers: HeaderValues): void {
    if (!this.#response.headersSent) this.#response.writeHead(status, headers as never);
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
