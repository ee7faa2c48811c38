/**
 * One TLS port for everything: HTTP/2 and HTTP/1.1 by ALPN, client certificates as the listener asks.
 *
 * TLS 1.3 only. The TLS socket is handed to an inner server and stays reachable, because its certificate is evidence.
 *
 * @see RFC 8446, RFC 7301
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, createServer, type Server, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { LISTENER } from "@keystead/channel/call";
import type { TlsFiles, TlsListener } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import type { Connection, Dispatch } from "../transports/exchange.ts";
import type { BodyIntake } from "../transports/body-intake.ts";
import { Http1Front } from "../transports/http1.ts";
import { Http2Front } from "../transports/http2.ts";
import { Connections, listen, portOf, type Port } from "./port.ts";

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

  /** When the certificates in force end, in milliseconds since the epoch. */
  ends(): (readonly [certificate: string, end: number])[] {
    return (["server", "ca"] as const).flatMap((certificate) => {
      const pem = this.#current[certificate === "server" ? "cert" : "ca"];
      try {
        // Of a bundle, the first: our own, or the authority that made it.
        return [[certificate, new X509Certificate(pem).validToDate.getTime()] as const];
      } catch {
        return [];
      }
    });
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
      this.#log.warn("TLS files could not be reloaded; the old ones stay in force", {
        detail: error instanceof Error ? error.message : "",
      });
    }
  }

  #read(): { cert: Buffer; key: Buffer; ca: Buffer } {
    const files = {
      cert: readFileSync(this.#files.certPath),
      key: readFileSync(this.#files.keyPath),
      ca: readFileSync(this.#files.caPath),
    };
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
  readonly intake: BodyIntake;
}

/** Opens a TLS port. */
export async function tlsPort({
  listener,
  contexts,
  dispatch,
  maxConnections,
  requestTimeoutSeconds,
  intake,
}: TlsPortOptions): Promise<Port> {
  const connections = new Connections();
  const http2 = new Http2Front({ dispatch, connectionOf, intake });
  const http1 = new Http1Front({ dispatch, connectionOf, intake, requestTimeoutSeconds });
  const server = createServer({
    minVersion: "TLSv1.3",
    handshakeTimeout: HANDSHAKE_MS,
    noDelay: true,
    requestCert: listener.clientAuth !== "none",
    rejectUnauthorized: listener.clientAuth === "required",
    ALPNCallback: ({ protocols }) => (protocols.includes("h2") ? "h2" : protocols.includes("http/1.1") ? "http/1.1" : undefined),
  });
  contexts.attach(server);
  server.maxConnections = maxConnections;
  /** Connections in their handshake, by the peer's address: the TLS socket is another object than the one below it. */
  const handshaking = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    const peer = peerOf(socket);
    handshaking.set(peer, socket);
    socket.once("close", () => handshaking.delete(peer));
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    handshaking.delete(peerOf(socket));
    socket.on("error", () => socket.destroy());
    (socket.alpnProtocol === "h2" ? http2 : http1).accept(socket);
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const address = await listen(server, listener);
  return portOf({
    server,
    address,
    http1,
    http2,
    connections,
    dropUnfinished: () => {
      for (const socket of handshaking.values()) socket.destroy();
    },
  });
}

const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

const known = new WeakMap<Socket, Connection>();

function connectionOf(socket: Socket): Connection {
  const made = known.get(socket);
  if (made !== undefined) return made;
  const tls = socket as TLSSocket;
  // A certificate that did not verify is evidence too: the vault refuses it, also beside a good token.
  const certificate = tls.getPeerX509Certificate()?.raw ?? NO_CERTIFICATE;
  const connection: Connection = { listener: LISTENER.tls, address: socket.remoteAddress ?? "", certificate };
  known.set(socket, connection);
  return connection;
}
