/**
 * A plaintext port or unix socket: HTTP/1.1, and HTTP/2 with prior knowledge told apart by its first three bytes ("PRI").
 *
 * @see RFC 9113 §3.4
 */
import { createServer, type Socket } from "node:net";
import type { Listener } from "@keystead/channel/call";
import type { Connection, Dispatch } from "../transports/exchange.ts";
import type { BodyIntake } from "../transports/body-intake.ts";
import { Http1Front } from "../transports/http1.ts";
import { Http2Front } from "../transports/http2.ts";
import { Connections, listen, portOf, type Place, type Port } from "./port.ts";

/** How long a client may take to send its first three bytes. */
const PREFACE_MS = 5_000;
const PREFACE = "PRI";
const NO_CERTIFICATE = Buffer.alloc(0);

export interface PlainPortOptions {
  readonly place: Place;
  /** What requests of this port are vouched as. */
  readonly listener: Listener;
  readonly dispatch: Dispatch;
  readonly maxConnections: number;
  readonly requestTimeoutSeconds: number;
  readonly intake: BodyIntake;
  /** HTTP/2 too. */
  readonly http2: boolean;
}

/** Opens a plaintext port. */
export async function plainPort(options: PlainPortOptions): Promise<Port> {
  // Peers of a unix socket have no address; they are programs of this machine.
  const addressOf = (socket: Socket): string => ("path" in options.place ? "127.0.0.1" : (socket.remoteAddress ?? ""));
  const connections = new Connections();
  const known = new WeakMap<Socket, Connection>();
  const connectionOf = (socket: Socket): Connection => {
    let connection = known.get(socket);
    if (connection === undefined)
      known.set(socket, (connection = { listener: options.listener, address: addressOf(socket), certificate: NO_CERTIFICATE }));
    return connection;
  };
  const http1 = new Http1Front({ ...options, connectionOf });
  const http2 = options.http2 ? new Http2Front({ ...options, connectionOf }) : undefined;
  const undecided = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    connections.add(socket);
    if (http2 === undefined) return http1.accept(socket);
    undecided.add(socket);
    chooseProtocol(socket, (isHttp2) => {
      undecided.delete(socket);
      (isHttp2 ? http2 : http1).accept(socket);
    });
    socket.once("close", () => undecided.delete(socket));
  });
  server.maxConnections = options.maxConnections;
  const address = await listen(server, options.place);
  return portOf({
    server,
    address,
    http1,
    http2,
    connections,
    dropUnfinished: () => {
      for (const socket of undecided) socket.destroy();
    },
  });
}

/** Looks at the first bytes, puts them back, and says what they are. */
function chooseProtocol(socket: Socket, chosen: (isHttp2: boolean) => void): void {
  const timer = setTimeout(() => socket.destroy(), PREFACE_MS);
  let held: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const seen = held.toString("latin1", 0, PREFACE.length);
    if (held.length < PREFACE.length && PREFACE.startsWith(seen)) return;
    clearTimeout(timer);
    socket.off("readable", look);
    socket.unshift(held);
    chosen(seen === PREFACE);
  };
  socket.once("close", () => clearTimeout(timer));
  socket.on("readable", look);
}
