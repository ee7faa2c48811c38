/**
 * What every port has: an address, a bound on connections, and an end in order.
 */
import type { Server as Http1Server } from "node:http";
import type { Server, Socket } from "node:net";
import type { Http2Server, Http2Session } from "node:http2";

export interface Port {
  /** Where it listens. */
  readonly address: string;
  /** Open connections. */
  connections(): number;
  /** Takes no new connections, asks the old ones to end after their requests; resolves when the last has. */
  close(): Promise<void>;
  /** Ends every connection at once. */
  destroy(): void;
}

/** Starts listening. @returns the bound address as host:port */
export function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      const bound = server.address();
      resolve(bound === null || typeof bound === "string" ? String(bound) : `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`);
    });
  });
}

/** How often idle keep-alive connections are looked for while a port closes, in milliseconds. */
const IDLE_LOOK_MS = 20;

/** Closes a port in order. */
export async function closePort(server: Server, http1: Http1Server, connections: Connections): Promise<void> {
  connections.goaway();
  const looking = setInterval(() => http1.closeIdleConnections(), IDLE_LOOK_MS);
  http1.closeIdleConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(looking);
}

/** Connections of one port, counted. */
export class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Watches an HTTP/2 server's sessions, for their GOAWAY. */
  watch(server: Http2Server): void {
    server.on("session", (session: Http2Session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** HTTP/2 sessions get GOAWAY and end with their last stream. */
  goaway(): void {
    for (const session of this.#sessions) session.close();
  }
}
