/**
 * One TLS port for everything: HTTP/2 and HTTP/1.1 by ALPN, client certificates as the listener asks.
 *
 * TLS 1.3 only. The TLS socket is handed to an inner server and stays reachable, because its certificate is evidence.
 *
 * @see RFC 8446, RFC 7301; DESIGN §9
 */
import { readFileSync } from "node:fs";
import { createSecureContext, createServer, type Server, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { LISTENER } from "@keystead/channel/call";
import type { TlsFiles, TlsListener } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import type { Connection, Dispatch } from "../transports/exchange.ts";
import { http1Exchanges } from "../transports/http1.ts";
import { http2Exchanges } from "../transports/http2.ts";
import { Connections, closePort, listen, type Port } from "./port.ts";

const HANDSHAKE_MS = 10_000;
const NO_CERTIFICATE = Buffer.alloc(0);

/** TLS files, read again when they change; a broken new set leaves the old one in force. */
export class TlsContexts {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #servers: Server[] = [];
  readonly #timer: NodeJS.Timeout | undefined;
  #current: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer };

  /** @throws when the files cannot be used at all */
  constructor(files: TlsFiles, log: Logger) {
    this.#files = files;
    this.#log = log;
    this.#current = this.#read();
    if (files.reloadSeconds > 0) this.#timer = setInterval(() => this.reload(), files.reloadSeconds * 1000).unref();
  }

  /** Gives a server the current files, now and whenever they change. */
  attach(server: Server): void {
    server.setSecureContext({ ...this.#current, minVersion: "TLSv1.3" });
    this.#servers.push(server);
  }

  /** Reads the files no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** Reads the files and puts them in force when they changed and fit together. */
  reload(): void {
    try {
      const read = this.#read();
      if (read.cert.equals(this.#current.cert) && read.key.equals(this.#current.key) && read.ca.equals(this.#current.ca)) return;
      for (const server of this.#servers) server.setSecureContext({ ...read, minVersion: "TLSv1.3" });
      this.#current.key.fill(0);
      this.#current = read;
      this.#log.info("TLS files reloaded");
    } catch (error) {
      this.#log.warn("TLS files could not be reloaded; the old ones stay in force", { detail: error instanceof Error ? error.message : "" });
    }
  }

  #read(): { cert: Buffer; key: Buffer; ca: Buffer } {
    const files = { cert: readFileSync(this.#files.certPath), key: readFileSync(this.#files.keyPath), ca: readFileSync(this.#files.caPath) };
    // Throws when key and certificate do not belong together, before any server sees them.
    createSecureContext({ ...files, minVersion: "TLSv1.3" });
    return files;
  }
}

export interface TlsPortOptions {
  readonly listener: TlsListener;
  readonly contexts: TlsContexts;
  readonly dispatch: Dispatch;
  readonly maxConnections: number;
  readonly requestTimeoutSeconds: number;
}

/** Opens a TLS port. */
export async function tlsPort({ listener, contexts, dispatch, maxConnections, requestTimeoutSeconds }: TlsPortOptions): Promise<Port> {
  const connections = new Connections();
  const http2 = http2Exchanges(dispatch, connectionOf);
  const http1 = http1Exchanges(dispatch, connectionOf, { requestTimeoutSeconds });
  connections.watch(http2);
  const server = createServer({
    minVersion: "TLSv1.3", handshakeTimeout: HANDSHAKE_MS,
    requestCert: listener.clientAuth !== "none", rejectUnauthorized: listener.clientAuth === "required",
    ALPNCallback: ({ protocols }) => (protocols.includes("h2") ? "h2" : protocols.includes("http/1.1") ? "http/1.1" : undefined),
  });
  contexts.attach(server);
  server.maxConnections = maxConnections;
  server.on("secureConnection", (socket: TLSSocket) => {
    connections.add(socket);
    socket.on("error", () => socket.destroy());
    if (socket.alpnProtocol === "h2") http2.emit("connection", socket);
    else http1.emit("connection", socket);
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const address = await listen(server, listener.host, listener.port);
  return {
    address,
    connections: () => connections.count,
    close: () => closePort(server, http1, connections),
    destroy: () => connections.destroy(),
  };
}

const known = new WeakMap<Socket, Connection>();

function connectionOf(socket: Socket): Connection {
  const made = known.get(socket);
  if (made !== undefined) return made;
  const tls = socket as TLSSocket;
  const certificate = tls.authorized === true ? tls.getPeerX509Certificate()?.raw ?? NO_CERTIFICATE : NO_CERTIFICATE;
  const connection: Connection = { listener: LISTENER.tls, address: socket.remoteAddress ?? "", certificate };
  known.set(socket, connection);
  return connection;
}
