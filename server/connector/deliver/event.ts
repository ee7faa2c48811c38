/**
 * An event as sinks get it: the line of the log, taken apart, with what is derived from it.
 *
 * The line is the vault's and is believed; this process could not check its MAC.
 */
import { hash } from "node:crypto";
import { EVENT_TYPES, eventTypeOf, kindOf, severityOf, type EventType, type Severity } from "@keystead/contract/event-types";

/** Members of an event that formats read; an event may have more (ARCHITECTURE.md "Audit log"). */
export interface LoggedEvent {
  readonly action: string;
  readonly address?: string;
  readonly authentication: string;
  readonly decision: string;
  readonly key: string;
  readonly namespace: string;
  readonly outcome: string;
  readonly principal: string;
  readonly request: string;
  readonly sequence: number;
  readonly time: string;
  readonly trace?: string;
  readonly version: number;
}

/** One event on its way. */
export interface SinkEvent {
  /** The same at every attempt and for every sink, and no other event's: what receivers tell repetitions by. */
  readonly id: string;
  readonly type: EventType;
  readonly severity: Severity;
  /** KeyGeneration, SignOperation, KeyRotation, or the operation's name. */
  readonly kind: string;
  readonly event: LoggedEvent;
  /** The event as canonical JSON. */
  readonly canonical: string;
  /** The whole line without its newline: `{"event":…,"mac":"…"}`. */
  readonly line: string;
  /** SHA-256 of the event, hexadecimal: what the next event names as its `previous`. */
  readonly hash: string;
}

const HEAD = '{"event":';
const TAIL_CHARACTERS = ',"mac":""}'.length + 64;

/** @throws {SyntaxError} for what is no line of the log */
export function sinkEvent(line: string): SinkEvent {
  const canonical = line.slice(HEAD.length, line.length - TAIL_CHARACTERS);
  if (!line.startsWith(HEAD)) throw new SyntaxError("no line of the log");
  const event = JSON.parse(canonical) as LoggedEvent;
  const digest = hash("sha256", canonical, "hex");
  return {
    id: eventId(digest),
    type: eventTypeOf(event),
    severity: severityOf(event),
    kind: kindOf(event.action),
    event,
    canonical,
    line,
    hash: digest,
  };
}

/** The id under which an event with this hash is delivered. */
export const eventId = (digest: string): string => `evt_${digest.slice(0, 32)}`;

/** What its type means, for people. */
export const titleOf = ({ type }: SinkEvent): string => EVENT_TYPES[type].meaning;
