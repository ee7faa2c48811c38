/**
 * Syslog messages on their way: over TLS, over TCP, or as datagrams.
 *
 * Syslog has no acknowledgement. Over a connection there is one nevertheless: after a batch we close our side, and a
 * receiver that has read everything up to that close, and no earlier, closes its own. So a batch has a connection of its
 * own, and it counts as delivered when the receiver has closed in good order; anything else, and it is sent again. A
 * datagram counts as delivered when it has left.
 *
 * @see RFC 5425 (TLS), RFC 6587 §3.4.1 (octet counting over TCP), RFC 5426 (UDP)
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Socket } from "node:net";
import { dial, judgedAddresses, unavailable, type Destination } from "../dial.ts";
import type { MayDial } from "../fetch/addresses.ts";
import { octetCounted } from "./syslog-message.ts";

/**
 * How long a new connection is watched before anything is sent over it. A receiver that will not have us, because of our
 * certificate or our address, may say so by closing in good order, and would seem to have read what it never looked at.
 */
const WATCH_MS = 200;

/** A receiver at the other end of a stream, TLS or TCP. */
export class SyslogStream {
  readonly #to: Destination;
  readonly #mayDial: MayDial;
  /** Dialled ahead and watched while nobody waits for it. */
  #next: Promise<Socket> | undefined;
  /** What is being sent over. */
  #used: Socket | undefined;
  #closed = false;

  constructor(to: Destination, mayDial: MayDial) {
    this.#to = to;
    this.#mayDial = mayDial;
  }

  /**
   * Delivers messages in order.
   *
   * @throws what was in the way; then any number of the messages may have arrived
   */
  async send(messages: readonly Buffer[], timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const socket = await this.#connection(signal);
    this.#used = socket;
    try {
      if (this.#closed) throw unavailable("the sink was closed");
      await handedOver(socket, octetCounted(messages), signal);
    } finally {
      socket.destroy();
    }
    this.#prepare(timeoutMs);
  }

  close(): void {
    this.#closed = true;
    this.#used?.destroy();
    const next = this.#next;
    this.#next = undefined;
    void next?.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
  }

  async #connection(signal: AbortSignal): Promise<Socket> {
    const prepared = await this.#next?.catch(() => undefined);
    this.#next = undefined;
    // One that its receiver closed while it waited is no loss.
    if (prepared !== undefined && prepared.readyState === "open") return prepared;
    prepared?.destroy();
    return watched(await dial(this.#to, this.#mayDial, signal), signal);
  }

  #prepare(timeoutMs: number): void {
    if (this.#closed) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const next = dial(this.#to, this.#mayDial, signal).then((socket) => watched(socket, signal));
    next.catch(() => undefined);
    this.#next = next;
  }
}

/** The connection, after it was watched for a while. @throws when it ended meanwhile */
async function watched(socket: Socket, signal: AbortSignal): Promise<Socket> {
  // What a receiver says is nothing to us, but unread it would hide its close.
  socket.resume();
  // Kept for as long as the connection waits: an error that nobody listens to would end the process.
  socket.on("error", () => undefined);
  try {
    await new Promise<void>((done, failed) => {
      const timer = setTimeout(done, WATCH_MS);
      const over = (error: Error): void => {
        clearTimeout(timer);
        failed(error);
      };
      signal.addEventListener("abort", () => over(signal.reason as Error), { once: true });
      socket.once("error", over);
      for (const event of ["end", "close"]) socket.once(event, () => over(unavailable("the receiver closed at once")));
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

/** Sends bytes and closes; resolves once the receiver has closed too. */
async function handedOver(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  await new Promise<void>((done, failed) => {
    signal.addEventListener("abort", () => failed(signal.reason as Error), { once: true });
    let finished = false;
    socket.once("error", failed);
    socket.once("finish", () => (finished = true));
    socket.once("end", () => (finished ? done() : failed(unavailable("the receiver closed before it had everything"))));
    socket.once("close", () => failed(unavailable("the connection broke")));
    socket.end(bytes);
  });
}

/** Largest datagram there is, with IPv4: 65,535 less both headers. */
export const MOST_DATAGRAM_BYTES = 65_507;

/**
 * Sends each message as a datagram, in order.
 *
 * @throws what was in the way; the network may lose any of them, and nobody learns of it
 */
export async function sendAsDatagrams(
  messages: readonly Buffer[],
  { host, port }: Pick<Destination, "host" | "port">,
  mayDial: MayDial,
  signal: AbortSignal,
): Promise<void> {
  const [first] = await judgedAddresses(host, mayDial, signal);
  const { address = "", family = 4 } = first ?? {};
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  try {
    // Connected, so that an answer "nobody listens" from the network reaches us.
    socket.connect(port, address);
    await once(socket, "connect", { signal });
    for (const message of messages) {
      signal.throwIfAborted();
      await new Promise<void>((done, failed) => socket.send(message, (error) => (error === null ? done() : failed(error))));
    }
  } finally {
    socket.close();
  }
}
