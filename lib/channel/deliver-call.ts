/**
 * What the vault asks the process that delivers events, and what it answers.
 *
 *      open      u32 n | head (JSON, n bytes) | secrets (the rest): each u16 length and its bytes
 *      deliver   u32 n | head (JSON, n bytes) | lines of the audit log, each with its newline (the rest)
 *      close     u32 n | head (JSON, n bytes)
 *
 * A sink is opened once for each of its revisions, and its secrets travel with that alone; a delivery to a sink that is not
 * open is answered `unknown`, because the process may have been started again in between. Answers are JSON.
 */
import { MalformedFrame } from "./frame.ts";

/** Operation numbers in frames between vault and the process that delivers. */
export const DELIVER_CALL = Object.freeze({ open: 1, deliver: 2, close: 3 });

/** A definition as it was at one time. */
export interface SinkName {
  readonly sink: string;
  /** Grows with each change. */
  readonly revision: number;
}

export interface OpenSinkCall extends SinkName {
  /** hsm.SinkTarget as JSON (protobuf). */
  readonly target: unknown;
  /** Who the events are of, a URI: CloudEvents' source. */
  readonly source: string;
  /** Of one attempt to deliver one event. */
  readonly timeoutMs: number;
  /** Newest first. */
  readonly secrets: readonly Uint8Array[];
}

export interface DeliverCall extends SinkName {
  /** No further event is begun after so long. */
  readonly budgetMs: number;
  /** Lines of the log, whole. */
  readonly lines: Uint8Array;
}

/** Why an event did not arrive. `refused`: this event, by a receiver that works; `unavailable`: any event would have failed. */
export interface DeliveryFailure {
  readonly kind: "refused" | "unavailable";
  /** For people; at most 200 characters of printable ASCII once it is read, and never a secret. */
  readonly reason: string;
  /** The receiver said when to try again. */
  readonly retryAfterMs?: number;
}

/** How many of the events arrived, from the first on without a gap, and why not the next one, if it was tried. */
export interface Delivered {
  readonly delivered: number;
  readonly failure?: DeliveryFailure;
}

export type DeliverAnswer = Delivered | { readonly unknown: true };
/** `refused`: the target cannot be used here, and why. */
export type OpenSinkAnswer = { readonly open: true } | { readonly refused: string };

const MOST_SECRETS = 4;
const REASON_CHARACTERS = 200;

export function encodeOpenSink({ secrets, ...head }: OpenSinkCall): Buffer {
  return framed(head, secretList(secrets));
}

/** @throws {MalformedFrame} */
export function decodeOpenSink(bytes: Buffer): OpenSinkCall & { readonly secrets: readonly Buffer[] } {
  const { head, rest } = taken(bytes);
  const { target, source, timeoutMs } = head;
  if (typeof source !== "string") throw new MalformedFrame("no source");
  return { ...nameOf(head), target, source, timeoutMs: milliseconds(timeoutMs), secrets: readSecretList(rest) };
}

export const encodeDeliver = ({ lines, ...head }: DeliverCall): Buffer => framed(head, lines);

/** @throws {MalformedFrame} */
export function decodeDeliver(bytes: Buffer): DeliverCall {
  const { head, rest } = taken(bytes);
  return { ...nameOf(head), budgetMs: milliseconds(head["budgetMs"]), lines: rest };
}

export const encodeCloseSink = (sink: string): Buffer => framed({ sink, revision: 0 }, new Uint8Array());

/** @throws {MalformedFrame} */
export const decodeCloseSink = (bytes: Buffer): string => nameOf(taken(bytes).head).sink;

export const encodeDeliveryAnswer = (answer: DeliverAnswer | OpenSinkAnswer): Buffer => {
  const text = JSON.stringify(answer);
  const bytes = Buffer.alloc(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
};

/** Words of others, which people read on terminals: printable ASCII of a bounded length. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?").slice(0, REASON_CHARACTERS);

/** The process that delivers is believed no more than this. @throws {MalformedFrame} */
export function decodeDeliverAnswer(bytes: Buffer, events: number): DeliverAnswer {
  const answer = object(bytes);
  if (answer["unknown"] === true) return { unknown: true };
  const { delivered, failure } = answer;
  if (!Number.isInteger(delivered) || (delivered as number) < 0 || (delivered as number) > events) throw new MalformedFrame("no count");
  if (failure === undefined) return { delivered: delivered as number };
  const { kind, reason, retryAfterMs } = (failure ?? {}) as Readonly<Record<string, unknown>>;
  if ((kind !== "refused" && kind !== "unavailable") || typeof reason !== "string") throw new MalformedFrame("no reason");
  const later = typeof retryAfterMs === "number" && retryAfterMs >= 0 ? { retryAfterMs } : {};
  return { delivered: delivered as number, failure: { kind, reason: plain(reason), ...later } };
}

/** @throws {MalformedFrame} */
export function decodeOpenSinkAnswer(bytes: Buffer): OpenSinkAnswer {
  const answer = object(bytes);
  if (answer["open"] === true) return { open: true };
  if (typeof answer["refused"] === "string") return { refused: plain(answer["refused"]) };
  throw new MalformedFrame("an answer that is none");
}

/** Secrets one after the other, as they are kept and sent; the result holds them too. */
export function secretList(secrets: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.alloc(secrets.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const secret of secrets) {
    at = bytes.writeUInt16LE(secret.length, at);
    bytes.set(secret, at);
    at += secret.length;
  }
  return bytes;
}

/** Copies of the secrets of a list, which the caller wipes. @throws {MalformedFrame} */
export function readSecretList(bytes: Buffer): Buffer[] {
  const secrets: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (secrets.length === MOST_SECRETS || at + 2 > bytes.length) throw new MalformedFrame("secrets that are none");
    const end = at + 2 + bytes.readUInt16LE(at);
    if (end > bytes.length) throw new MalformedFrame("secrets that are none");
    const secret = Buffer.alloc(end - at - 2);
    bytes.copy(secret, 0, at + 2, end);
    secrets.push(secret);
    at = end;
  }
  return secrets;
}

function framed(head: object, rest: Uint8Array): Buffer {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const bytes = Buffer.alloc(4 + headBytes + rest.length);
  bytes.writeUInt32LE(headBytes, 0);
  bytes.write(text, 4);
  bytes.set(rest, 4 + headBytes);
  return bytes;
}

function taken(bytes: Buffer): { head: Readonly<Record<string, unknown>>; rest: Buffer } {
  const end = bytes.length < 4 ? Infinity : 4 + bytes.readUInt32LE(0);
  if (end > bytes.length) throw new MalformedFrame("a call without its head");
  return { head: object(bytes.subarray(4, end)), rest: bytes.subarray(end) };
}

function nameOf({ sink, revision }: Readonly<Record<string, unknown>>): SinkName {
  if (typeof sink !== "string" || !Number.isSafeInteger(revision)) throw new MalformedFrame("a call without its sink");
  return { sink, revision: revision as number };
}

function milliseconds(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 600_000) throw new MalformedFrame("a bound");
  return value as number;
}

function object(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new MalformedFrame("what is not JSON");
  }
  if (value === null || typeof value !== "object") throw new MalformedFrame("what is not an object");
  return value as Readonly<Record<string, unknown>>;
}
