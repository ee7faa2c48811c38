/**
 * POST requests of sinks: one after the other over one connection, to one address.
 *
 * The address is judged each time a connection is made and the connection goes to what was judged (dial.ts). Redirects are not
 * followed: where they lead, nobody configured.
 *
 * @see RFC 9110 §15, §10.2.3
 */
import { Agent as PlainAgent, request as requestPlain, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { judgedAddresses, unavailable } from "../dial.ts";
import { UnusableTarget, type Surroundings } from "./sink.ts";

/** Of an answer's body; a longer one costs the connection. */
const MOST_ANSWER_BYTES = 65_536;
/** What is said about the connection and the body, or would change how the request is read. */
const FRAMING_HEADER = /^(?:host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|proxy-.*)$/i;
const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

export interface PostAnswer {
  readonly status: number;
  /** At most 64 KiB; empty where it was longer. */
  readonly body: Buffer;
  /** When the receiver wants to be asked again; an hour at most. */
  readonly retryAfterMs?: number;
}

export interface Poster {
  /** @throws what the network, TLS or the address rule throws, or that time ran out */
  post(headers: Readonly<Record<string, string>>, body: Buffer): Promise<PostAnswer>;
  close(): void;
}

interface HeaderOfOperator {
  readonly name: string;
  readonly value: string;
}

/**
 * The headers that the operator wants, by their names in small letters.
 *
 * @param own names that the sink sets itself, in small letters @throws {UnusableTarget}
 */
export function headersOf(headers: readonly HeaderOfOperator[], own: RegExp): Record<string, string> {
  const reserved = headers.find(({ name }) => FRAMING_HEADER.test(name) || own.test(name.toLowerCase()));
  if (reserved !== undefined) throw new UnusableTarget(`headers: ${reserved.name} is not for you to set`);
  return Object.fromEntries(headers.map(({ name, value }) => [name.toLowerCase(), value]));
}

/** The address, if events may be sent there. @throws {UnusableTarget} */
function addressOf(text: string, { plaintextLoopback }: Surroundings): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new UnusableTarget("url is no address");
  if (url.username !== "" || url.password !== "" || url.hash !== "") throw new UnusableTarget("url holds more than an address");
  const plain = url.protocol === "http:" && plaintextLoopback && LOOPBACK.test(url.hostname);
  if (url.protocol !== "https:" && !plain) throw new UnusableTarget("url must begin with https://");
  return url;
}

/** @throws {UnusableTarget} */
export function poster(text: string, surroundings: Surroundings): Poster {
  const url = addressOf(text, surroundings);
  const { mayDial, timeoutMs, authorities, now } = surroundings;
  const lookup: LookupFunction = (hostname, { all }, done) => {
    judgedAddresses(hostname, mayDial, AbortSignal.timeout(timeoutMs)).then(
      (addresses) => {
        if (all === true) done(null, [...addresses]);
        else done(null, addresses[0]?.address ?? "", addresses[0]?.family);
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, ""),
    );
  };
  const agent =
    url.protocol === "https:"
      ? new TlsAgent({ keepAlive: true, maxSockets: 1, ca: [...authorities], minVersion: "TLSv1.2", rejectUnauthorized: true })
      : new PlainAgent({ keepAlive: true, maxSockets: 1 });
  return {
    async post(headers, body) {
      const signal = AbortSignal.timeout(timeoutMs);
      // An address that is no name is not looked up, so it is judged here.
      if (isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) !== 0) await judgedAddresses(url.hostname, mayDial, signal);
      const options = {
        method: "POST",
        agent,
        lookup,
        signal,
        headers: { "user-agent": "keystead", ...headers, "content-length": body.length },
      };
      const reply = await new Promise<IncomingMessage>((done, failed) => {
        const sent = url.protocol === "https:" ? requestTls(url, options, done) : requestPlain(url, options, done);
        // Nobody asked for another protocol; without somebody who hears of it, neither an answer nor an error would ever come.
        sent.on("upgrade", (_answer, socket) => {
          socket.destroy();
          failed(unavailable("the receiver answered with status 101"));
        });
        sent.on("close", () => failed(unavailable("the receiver closed the connection")));
        sent.on("error", failed).end(body);
      });
      const later = retryAfterMs(reply, now());
      return { status: reply.statusCode ?? 0, body: await bodyOf(reply), ...(later === undefined ? {} : { retryAfterMs: later }) };
    },
    close: () => agent.destroy(),
  };
}

/** Reads an answer to its end, so that its connection can be used again, or gives both up. */
async function bodyOf(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > MOST_ANSWER_BYTES) {
      reply.destroy();
      return Buffer.alloc(0);
    }
  }
  return Buffer.concat(chunks);
}

/** Seconds, or a date; an hour at most. */
function retryAfterMs({ headers }: IncomingMessage, now: number): number | undefined {
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  const milliseconds = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(milliseconds) ? Math.min(3_600_000, Math.max(0, milliseconds)) : undefined;
}
