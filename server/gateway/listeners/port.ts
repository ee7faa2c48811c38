/**
 * What every port has: an address, a bound on connections, and an end in order.
 */
import type { Server, Socket } from "node:net";
import type { Http1Front } from "../transports/http1.ts";
import type { Http2Front } from "../transports/http2.ts";

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

/** Where to listen: an address and a port, or the path of a unix socket. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** Starts listening. @returns the bound address as host:port, or the path */
export function listen(server: Server, place: Place): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Whoever may enter a unix socket's folder may use it: it is the folder that says who.
    server.listen("path" in place ? { ...place, readableAll: true, writableAll: true } : { host: place.host, port: place.port }, () => {
      const bound = server.address();
      resolve(
        bound === null || typeof bound === "string"
          ? String(bound)
          : `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`,
      );
    });
  });
}

/** Connections of one port: counted from their first byte, handshake included. */
export class Connections {
  readonly #sockets = new Set<Socket>();

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** What a port is made of. */
export interface PortParts {
  readonly server: Server;
  readonly address: string;
  readonly http1: Http1Front;
  readonly http2: Http2Front | undefined;
  readonly connections: Connections;
  /** Ends connections that have not come as far as HTTP. */
  readonly dropUnfinished: () => void;
}

/** A port from its parts. */
export function portOf({ server, address, http1, http2, connections, dropUnfinished }: PortParts): Port {
  return {
    address,
    connections: () => connections.count,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      dropUnfinished();
      http1.drain();
      http2?.drain();
      await closed;
      http1.close();
    },
    destroy: () => connections.destroy(),
  };
}
