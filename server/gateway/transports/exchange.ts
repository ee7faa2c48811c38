/**
 * One request and its answer, whatever carried it: HTTP/1.1 or HTTP/2, TLS or loopback.
 *
 * Surfaces speak to this and to nothing below it. Nothing here interprets a body.
 */
import type { Payload } from "@keystead/channel/payload";
import type { Listener } from "@keystead/channel/call";

/** What is known of the connection an exchange came over; the same object for all its exchanges. */
export interface Connection {
  readonly listener: Listener;
  /** Peer address as the socket saw it. */
  readonly address: string;
  /** DER of a client certificate that the handshake proved, or empty. */
  readonly certificate: Buffer;
}

export type HeaderValues = Readonly<Record<string, string | number | readonly string[]>>;

export interface Exchange {
  readonly connection: Connection;
  readonly http2: boolean;
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  /** Query without question mark; empty when there is none. */
  readonly query: string;
  header(name: string): string | undefined;
  /** True when the request announced or may carry a body. */
  readonly hasBody: boolean;
  /**
   * The whole body.
   * @throws {HsmError} REQUEST_TOO_LARGE as soon as more than `limitBytes` were announced or came; CANCELLED
   */
  readBody(limitBytes: number): Promise<Buffer>;
  /** The whole body in the pieces it came in; otherwise as {@link readBody}. */
  readPieces(limitBytes: number): Promise<Buffer[]>;
  /** The body in pieces, for streaming methods. */
  readonly chunks: AsyncIterable<Buffer>;
  /** A header that the answer will have besides those it is given. */
  alsoAnswer(name: string, value: string): void;
  /** Answers whole. A buffer is wiped once it is written; text leaves in one write with the head. */
  respond(status: number, headers: HeaderValues, body?: Buffer | string): void;
  /** Answers whole, perhaps in pieces that are wiped once they are written. Needs HTTP/2. */
  respondWithTrailers(status: number, headers: HeaderValues, body: Payload, trailers: HeaderValues): void;
  /** Begins a streaming answer. */
  start(status: number, headers: HeaderValues): void;
  /** Resolves when there is room for more. */
  write(chunk: Buffer): Promise<void>;
  end(trailers?: HeaderValues): void;
  /** True once a response began. */
  readonly started: boolean;
  /** Called when the client goes away before the answer was written. */
  onAbort(abort: () => void): void;
}

/** Answers every exchange; never throws and never rejects. */
export type Dispatch = (exchange: Exchange) => void;
