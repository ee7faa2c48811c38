/**
 * Syslog messages on their way: over TLS, over TCP, or as datagrams.
 *
 * Syslog has no acknowledgement. Over a connection there is one nevertheless: after a batch we close our side, and a
 * receiver that has read everything up to that close, and no earlier, closes its own. So a batch has a connection of its own,
 * and it counts as delivered when the receiver has closed in good order; anything else, and it is sent again. A datagram
 * counts as delivered when it has left.
 *
 * @see RFC 5425 (TLS), RFC 6587 §3.4.1 (octet counting over TCP), RFC 5426 (UDP)
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { dial, judgedAddresses, unavailable, type Destination } from "../dial.ts";
import type { MayDial } from "../fetch/addresses.ts";
import { octetCounted } from "./syslog-message.ts";

/**
 * Delivers messages in order, over TLS or TCP.
 *
 * @throws what was in the way; then any number of the messages may have arrived
 */
export async function sendOverStream(messages: readonly Buffer[], to: Destination, mayDial: MayDial, signal: AbortSignal): Promise<void> {
  const socket = await dial(to, mayDial, signal);
  try {
    await new Promise<void>((done, failed) => {
      const stop = (): void => failed(signal.reason as Error);
      signal.addEventListener("abort", stop, { once: true });
      let finished = false;
      socket.once("error", failed);
      socket.once("finish", () => (finished = true));
      // What a receiver says is nothing to us, but unread it would hide its close.
      socket.resume();
      socket.once("end", () => (finished ? done() : failed(unavailable("the receiver closed before it had everything"))));
      socket.once("close", () => failed(unavailable("the connection broke")));
      socket.end(octetCounted(messages));
    });
  } finally {
    socket.destroy();
  }
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
