/**
 * What travels between vault and connector: a question about one resource, and what was there.
 *
 *      question: JSON, UTF-8          answer: u16 n | head (JSON, n bytes) | body
 *
 * The vault names the resource and its own bounds; the connector decides whether it may be asked for at all. Nothing
 * secret ever travels here: both sides treat it as public.
 */
import { HsmError } from "@keystead/contract/errors";
import { MalformedFrame } from "./frame.ts";

/** Numbers of what a connector can be asked; each kind of connector answers some. */
export const CONNECTOR_CALL = Object.freeze({ fetch: 1, breakers: 9 } as const);

/** A destination, and whether it is left alone because it failed again and again. */
export type Breaker = readonly [origin: string, open: boolean];

export interface FetchQuestion {
  readonly url: string;
  /** Of the body, in bytes. */
  readonly maxBytes: number;
  /** From the question to the last byte. */
  readonly timeoutMs: number;
  /** A body makes it a POST. */
  readonly post?: { readonly contentType: string; readonly body: Buffer };
  /** The body of a 409 is an answer too. */
  readonly conflict?: boolean;
}

export interface FetchAnswer {
  /** How long the answer may be kept, in seconds, as its server says; undefined when it says nothing. */
  readonly maxAgeSeconds: number | undefined;
  /** Only where a 409 was answered, as {@link FetchQuestion.conflict} allows. */
  readonly conflict?: boolean;
  readonly body: Buffer;
}

/** Largest body that can be asked for: a revocation list of half a million entries. */
export const MAX_FETCH_BYTES = 15 * 1024 * 1024;

export function encodeFetch({ url, maxBytes, timeoutMs, post, conflict }: FetchQuestion): Buffer {
  const posted = post === undefined ? {} : { contentType: post.contentType, body: post.body.toString("base64") };
  return Buffer.from(JSON.stringify({ url, maxBytes, timeoutMs, ...posted, ...(conflict === true ? { conflict } : {}) }), "utf8");
}

/** @throws {MalformedFrame} for anything that {@link encodeFetch} does not make */
export function decodeFetch(payload: Buffer): FetchQuestion {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = JSON.parse(payload.toString("utf8")) as typeof value;
  } catch {
    throw new MalformedFrame("a question that is no JSON");
  }
  const { url, maxBytes, timeoutMs, contentType, body, conflict } = value ?? {};
  const whole = (number: unknown, most: number): number => {
    if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > most) throw new MalformedFrame("a bound");
    return number;
  };
  if (typeof url !== "string" || (contentType === undefined) !== (body === undefined)) throw new MalformedFrame("not a question");
  if (conflict !== undefined && conflict !== true) throw new MalformedFrame("not a question");
  const bounds = { maxBytes: whole(maxBytes, MAX_FETCH_BYTES), timeoutMs: whole(timeoutMs, 60_000) };
  const question = { url, ...bounds, ...(conflict === true ? { conflict } : {}) };
  if (body === undefined) return question;
  if (typeof body !== "string" || typeof contentType !== "string") throw new MalformedFrame("not a question");
  return { ...question, post: { contentType, body: Buffer.from(body, "base64") } };
}

export function encodeFetched({ maxAgeSeconds, conflict, body }: FetchAnswer): Buffer {
  const head = Buffer.from(JSON.stringify({ maxAgeSeconds, conflict }), "utf8");
  const answer = Buffer.alloc(2 + head.length + body.length);
  answer.writeUInt16BE(head.length, 0);
  head.copy(answer, 2);
  body.copy(answer, 2 + head.length);
  return answer;
}

export const encodeBreakers = (breakers: readonly Breaker[]): Buffer => Buffer.from(JSON.stringify(breakers), "utf8");

/** What {@link encodeBreakers} made; nothing for anything else. */
export function decodeBreakers(payload: Buffer): readonly Breaker[] {
  try {
    const breakers = JSON.parse(payload.toString("utf8")) as unknown;
    if (!Array.isArray(breakers)) return [];
    return breakers.filter((one): one is Breaker => Array.isArray(one) && typeof one[0] === "string" && typeof one[1] === "boolean");
  } catch {
    return [];
  }
}

/** A copy of what was there. @throws {HsmError} PROVIDER_UNAVAILABLE for anything that {@link encodeFetched} does not make */
export function decodeFetched(payload: Buffer): FetchAnswer {
  try {
    const end = 2 + payload.readUInt16BE(0);
    const { maxAgeSeconds, conflict } = JSON.parse(payload.toString("utf8", 2, end)) as { maxAgeSeconds?: unknown; conflict?: unknown };
    if (maxAgeSeconds !== undefined && (typeof maxAgeSeconds !== "number" || !(maxAgeSeconds >= 0))) throw new TypeError("not an age");
    return { maxAgeSeconds, ...(conflict === true ? { conflict } : {}), body: Buffer.from(payload.subarray(end)) };
  } catch {
    throw new HsmError("PROVIDER_UNAVAILABLE", "the connector's answer cannot be read");
  }
}
