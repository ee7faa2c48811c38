/**
 * HTTP/1.1 keep-alive as a client that sends one request again and again over one connection.
 *
 * Replies must have a content-length and no transfer coding: the server's JSON answers do.
 *
 * @see RFC 9112
 */
import type { TLSSocket } from "node:tls";
import type { Finished } from "./http2-client.ts";

const END_OF_HEADERS = Buffer.from("\r\n\r\n", "latin1");
const LENGTH = Buffer.from("content-length: ", "latin1");
const STATUS_200 = "200";

export class Http1Client {
  readonly #socket: TLSSocket;
  readonly #request: Buffer;
  #finished: Finished | undefined;
  #unread: Buffer = Buffer.alloc(0);
  #closed = false;

  constructor(socket: TLSSocket, path: string, headers: readonly (readonly [string, string])[], body: Buffer) {
    const lines = [
      `POST ${path} HTTP/1.1`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      `content-length: ${body.length}`,
      "",
      "",
    ];
    this.#request = Buffer.concat([Buffer.from(lines.join("\r\n"), "latin1"), body]);
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    const gone = (): void => {
      if (!this.#closed) throw new Error("the server closed a connection");
    };
    socket.on("error", gone);
    socket.on("close", gone);
  }

  /** Sends the request; one at a time. */
  call(finished: Finished): void {
    this.#finished = finished;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    const headEnd = bytes.indexOf(END_OF_HEADERS);
    const lengthAt = headEnd === -1 ? -1 : bytes.indexOf(LENGTH);
    if (headEnd === -1 || lengthAt === -1 || lengthAt > headEnd) {
      if (headEnd !== -1) throw new Error("a reply without content-length");
      this.#unread = bytes;
      return;
    }
    let length = 0;
    for (let at = lengthAt + LENGTH.length; bytes[at] !== 13; at += 1) length = length * 10 + (bytes[at] as number) - 48;
    const bodyAt = headEnd + END_OF_HEADERS.length;
    if (bytes.length < bodyAt + length) {
      this.#unread = bytes;
      return;
    }
    this.#unread = Buffer.alloc(0);
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.(bytes.toString("latin1", 9, 12) === STATUS_200, bytes.subarray(bodyAt, bodyAt + length));
  }
}
