/**
 * Raw HTTP for tests: what fetch would tidy up or forbid is sent here as it is.
 */
import { request as http1Request, type IncomingHttpHeaders } from "node:http";
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders as Http2Headers } from "node:http2";
import { connect, type Socket } from "node:net";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  json(): Record<string, unknown>;
}

const reply = (status: number, headers: IncomingHttpHeaders, chunks: readonly Buffer[]): Reply => {
  const body = Buffer.concat(chunks);
  return { status, headers, body, text: body.toString("utf8"), json: () => JSON.parse(body.toString("utf8")) as Record<string, unknown> };
};

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | undefined;
}

/** One HTTP/1.1 request over a connection of its own. */
export function http1(address: string, path: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<Reply> {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) as unknown as [string, string, string];
  return new Promise((resolve, reject) => {
    const request = http1Request(
      { host, port: Number(port), path, method, headers, agent: false, setHost: headers["host"] === undefined },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(reply(response.statusCode ?? 0, response.headers, chunks)));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

export interface StreamReply extends Reply {
  readonly trailers: Http2Headers;
}

/** One HTTP/2 request over a session. */
export function http2(session: ClientHttp2Session, path: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<StreamReply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": method, ":path": path, ...headers }, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let head: Http2Headers = {};
    let trailers: Http2Headers = {};
    stream.on("response", (received) => {
      head = received;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => resolve({ ...reply(Number(head[":status"] ?? 0), head, chunks), trailers }));
    if (body !== undefined) stream.end(body);
  });
}

/** A cleartext HTTP/2 session. */
export function h2c(address: string): ClientHttp2Session {
  const session = connectHttp2(`http://${address}`);
  session.on("error", () => undefined);
  return session;
}

/** Bytes over a plain socket; resolves with everything that came back when the other side ended. */
export function raw(address: string, write: (socket: Socket) => void): Promise<string> {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) as unknown as [string, string, string];
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => write(socket));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
}
