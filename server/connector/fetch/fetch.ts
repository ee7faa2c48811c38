/**
 * One resource over HTTP: bounded in bytes and time, verified by TLS, from an address that was judged.
 *
 * Only origins of the configuration are asked. Redirects are failures: where they lead was not configured. A name is
 * resolved once, and the connection goes to what was judged, so that a name that answers differently the second time
 * gains nothing. What fails is left alone for a moment, and a destination that fails again and again for longer.
 *
 * @see RFC 9110 §15 (status), RFC 9111 §5.2.2.1 (max-age)
 */
import { request as requestPlain, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestTls } from "node:https";
import type { LookupFunction } from "node:net";
import type { FetchAnswer, FetchQuestion } from "@keystead/channel/fetch-call";
import { HsmError } from "@keystead/contract/errors";
import type { MayDial } from "./addresses.ts";
import { judgedAddresses, reasonOf, unavailable } from "../dial.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

export interface FetchOptions {
  /** Origins that may be asked, such as `https://idp.example`; `http:` only where the configuration says so. */
  readonly origins: readonly string[];
  readonly mayDial: MayDial;
  /** Authorities of servers, in PEM. */
  readonly authorities: readonly string[];
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/** How long a failure is the answer to the same question. */
const REMEMBER_FAILURE_MS = 2000;
const MOST_REMEMBERED = 256;

/** A failure that speaks of the resource and not of its server. */
class Refused extends HsmError {}

export interface Fetcher {
  /** Throws HsmError PROVIDER_UNAVAILABLE alone. */
  (question: FetchQuestion): Promise<FetchAnswer>;
  /** Origins, and whether each is left alone at the moment because it failed again and again. */
  breakers(): (readonly [origin: string, open: boolean])[];
}

/** Answers questions, as {@link FetchOptions} allow. */
export function fetcher(options: FetchOptions): Fetcher {
  const breakers = new Map(options.origins.map((origin) => [origin, new CircuitBreaker(options.now)]));
  const failures = new Map<string, { readonly error: HsmError; readonly until: number }>();
  const underWay = new Map<string, Promise<FetchAnswer>>();

  const attempt = async (question: FetchQuestion, url: URL, breaker: CircuitBreaker): Promise<FetchAnswer> => {
    const waitMs = breaker.begin();
    if (waitMs > 0) throw unavailable(`${url.origin} failed several times and is left alone for now`, Math.ceil(waitMs / 1000));
    try {
      const answer = await ask(question, url, options);
      breaker.succeeded();
      return answer;
    } catch (thrown) {
      if (thrown instanceof Refused) breaker.succeeded();
      else breaker.failed();
      const error = thrown instanceof HsmError ? thrown : unavailable(`${url.origin} cannot be asked: ${reasonOf(thrown)}`);
      if (failures.size >= MOST_REMEMBERED) failures.clear();
      failures.set(nameOf(question), { error, until: options.now() + REMEMBER_FAILURE_MS });
      throw error;
    }
  };

  const answer = (question: FetchQuestion): Promise<FetchAnswer> => {
    const url = URL.canParse(question.url) ? new URL(question.url) : undefined;
    const breaker = url === undefined ? undefined : breakers.get(url.origin);
    if (url === undefined || breaker === undefined || url.username !== "" || url.password !== "" || url.hash !== "")
      return Promise.reject(unavailable("that address is not one the configuration names"));
    const name = nameOf(question);
    const failed = failures.get(name);
    if (failed !== undefined && failed.until > options.now()) return Promise.reject(failed.error);
    failures.delete(name);
    // Who asks the same while it is under way waits for the same answer.
    const before = underWay.get(name);
    if (before !== undefined) return before;
    const asked = attempt(question, url, breaker).finally(() => underWay.delete(name));
    underWay.set(name, asked);
    return asked;
  };
  return Object.assign(answer, {
    breakers: () => [...breakers].map(([origin, { state }]): [string, boolean] => [origin, state !== "closed"]),
  });
}

const nameOf = ({ url, post, maxBytes }: FetchQuestion): string => `${url}\0${maxBytes}\0${post?.body.toString("base64") ?? ""}`;

async function ask(question: FetchQuestion, url: URL, options: FetchOptions): Promise<FetchAnswer> {
  const signal = AbortSignal.timeout(question.timeoutMs);
  const addresses = await judgedAddresses(url.hostname, options.mayDial, signal);
  const pinned: LookupFunction = (_host, { all }, done) => {
    const [first] = addresses;
    if (all === true) done(null, [...addresses]);
    else done(null, first?.address ?? "", first?.family);
  };
  const { post } = question;
  const asked: RequestOptions & { ca?: string[] } = {
    method: post === undefined ? "GET" : "POST",
    agent: false,
    lookup: pinned,
    signal,
    headers: {
      accept: "*/*",
      "accept-encoding": "identity",
      "user-agent": "keystead",
      ...(post === undefined ? {} : { "content-type": post.contentType, "content-length": post.body.length }),
    },
  };
  const reply = await new Promise<IncomingMessage>((done, failed) => {
    const sent =
      url.protocol === "https:"
        ? requestTls(url, { ...asked, ca: [...options.authorities], minVersion: "TLSv1.2", rejectUnauthorized: true }, done)
        : requestPlain(url, asked, done);
    // One that changes to another protocol gives neither an answer nor an error.
    sent.on("upgrade", (_answer, socket) => void socket.destroy());
    sent.on("close", () => failed(unavailable(`${url.origin} closed the connection`)));
    sent.on("error", failed).end(post?.body);
  });
  try {
    if (!options.mayDial(reply.socket.remoteAddress ?? "")) throw unavailable(`${url.origin} is at an address that may not be dialled`);
    const conflict = question.conflict === true && reply.statusCode === 409;
    const body = await bodyOf(reply, question.maxBytes, url, conflict ? 409 : 200);
    return { maxAgeSeconds: maxAgeOf(reply), ...(conflict ? { conflict } : {}), body };
  } finally {
    reply.destroy();
  }
}

/** The body of an answer with that status, whole. */
async function bodyOf(reply: IncomingMessage, maxBytes: number, url: URL, wanted: 200 | 409): Promise<Buffer> {
  const status = reply.statusCode ?? 0;
  if (status >= 500) throw unavailable(`${url.origin} answered with status ${status}`);
  if (status !== wanted)
    throw new Refused("PROVIDER_UNAVAILABLE", `${url.origin} answered with status ${status}`, { retryAfterSeconds: 1 });
  if ((reply.headers["content-encoding"] ?? "identity") !== "identity")
    throw unavailable(`${url.origin} answered in an encoding nobody asked for`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Refused("PROVIDER_UNAVAILABLE", `${url.origin} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  if (!reply.complete) throw unavailable(`${url.origin} broke off its answer`);
  return Buffer.concat(chunks);
}

function maxAgeOf({ headers }: IncomingMessage): number | undefined {
  const directives = headers["cache-control"] ?? "";
  if (/\b(?:no-store|no-cache)\b/i.test(directives)) return 0;
  const age = /\bmax-age=(\d{1,9})\b/i.exec(directives)?.[1];
  const spent = /^\d{1,9}$/.test(headers.age ?? "") ? Number(headers.age) : 0;
  return age === undefined ? undefined : Math.max(0, Number(age) - spent);
}
