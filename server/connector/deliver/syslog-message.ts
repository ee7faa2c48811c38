/**
 * One event as a syslog message, and messages as a stream of them.
 *
 *      <108>1 2026-01-31T12:00:00.000Z host keystead - key.created [origin software="Keystead" swVersion="0.4.0"]
 *      [meta sequenceId="7"] {...}
 *
 * The facility is 13, log audit. `sequenceId` is the event's number in its log, as far as the registered element can
 * count; the text has it whole. No element of our own is used, because a name for one needs a number of IANA's.
 *
 * @see RFC 5424 §6 (format), §7.2 and §7.3 (registered elements), RFC 5425 §4.3 and RFC 6587 §3.4.1 (octet counting)
 */
import { Buffer } from "node:buffer";

/** RFC 5424 §6.2.1. */
export const SYSLOG_SEVERITY = Object.freeze({ critical: 2, error: 3, warning: 4, notice: 5, informational: 6, debug: 7 } as const);
export type SyslogSeverity = keyof typeof SYSLOG_SEVERITY;

/** What a message says. */
export interface SyslogEvent {
  readonly severity: SyslogSeverity;
  /** ISO 8601 with milliseconds, UTC. */
  readonly time: string;
  /** Of the server; empty for unknown. */
  readonly hostname: string;
  /** The event's type, such as `key.created`. */
  readonly type: string;
  readonly sequence: number;
  /** Version of Keystead. */
  readonly version: string;
  /** The event in the format that was asked for, one line. */
  readonly text: string;
}

const FACILITY_LOG_AUDIT = 13;
/** §7.3.1: sequenceId begins again at 1 after this. */
const LAST_SEQUENCE_ID = 2_147_483_647;
const BOM = "\ufeff";

/** A header field: printable ASCII without blanks, of a length; a hyphen when nothing is left (§6). */
const field = (value: string, length: number): string => value.replace(/[^\x21-\x7e]/g, "_").slice(0, length) || "-";

/** A parameter's value: quotation mark, backslash and closing bracket are escaped (§6.3.3). */
const parameter = (value: string): string => value.replace(/["\\\]]/g, "\\$&");

/** The bytes of one message, UTF-8 with its byte order mark before the text (§6.4). */
export function syslogMessage({ severity, time, hostname, type, sequence, version, text }: SyslogEvent): Buffer {
  const priority = FACILITY_LOG_AUDIT * 8 + SYSLOG_SEVERITY[severity];
  const sequenceId = ((sequence - 1) % LAST_SEQUENCE_ID) + 1;
  const elements = `[origin software="Keystead" swVersion="${parameter(version)}"][meta sequenceId="${sequenceId}"]`;
  const head = `<${priority}>1 ${time} ${field(hostname, 255)} keystead - ${field(type, 32)} ${elements}`;
  return Buffer.from(`${head} ${BOM}${text.toWellFormed()}`, "utf8");
}

/** Messages one after the other, each after its length in bytes. What is inside a message can end none. */
export const octetCounted = (messages: readonly Buffer[]): Buffer =>
  Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length} `, "latin1"), message]));
