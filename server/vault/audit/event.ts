/**
 * The audit event and its line.
 *
 *      {"event":{...canonical JSON, RFC 8785...},"mac":"<64 hex>"}\n
 *
 * `event.previous` is the SHA-256 of the event before (64 zeros for the first), the event's own hash is SHA-256 over
 * the canonical bytes of `event`, and `mac` is HMAC-SHA-256 of that hash under the audit key. Anybody can follow the
 * chain; only the vault can extend it. Members stand in the order RFC 8785 sorts them, which is why this file can
 * write them by template: a property test compares it with the general canonicaliser.
 *
 * @see ARCHITECTURE.md "Audit log"; RFC 8785
 */
import { createHmac, hash, timingSafeEqual, type KeyObject } from "node:crypto";
import type { PreparedHmac } from "@keystead/crypto/prepared-hmac";

/** One changed record, as the log anchors it. An empty digest means deleted. */
export interface RecordAnchor {
  readonly digest: string;
  readonly name: string;
}

/** One item of a batch. */
export interface EventItem {
  readonly action: string;
  /** As in {@link EventFields.demands}. */
  readonly demands?: readonly string[];
  readonly key: string;
  /** A second key that was used. */
  readonly other?: string;
  readonly outcome: string;
  readonly payload: string;
  /** As in {@link EventFields.scripts}. */
  readonly scripts?: readonly EventScript[];
  /** As in {@link EventFields.sessionKey}. */
  readonly sessionKey?: boolean;
  /** Only when what was used is revoked or compromised: which of the two. */
  readonly state?: string;
}

/** What a policy script decided. */
export interface EventScript {
  /** The same for the same version and input. */
  readonly fuel: number;
  readonly name: string;
  /** allow, deny, require-approval, or why there was no decision. */
  readonly verdict: string;
  readonly version: number;
}

/**
 * A pending request: the one that was made, or that the operation was about, or that was performed. With a verdict its
 * proof: digest of the signed statement (SHA-256, hexadecimal), id of the approver key, signature (base64).
 */
export interface EventApproval {
  readonly digest?: string;
  readonly id: string;
  readonly key?: string;
  readonly signature?: string;
}

/** A segment whose lines do not verify, which others agreed to do without: what its list says of it, and what stands in its place. */
export interface EventBreak {
  /** Of the file that stands there; 0 when there is none. */
  readonly bytes: number;
  /** Sequence number of the segment's first event. */
  readonly first: number;
  /** Hash of its last event, hexadecimal. */
  readonly hash: string;
  /** Sequence number of its last event. */
  readonly last: number;
  /** Of the file that stands there, hexadecimal; empty when there is none that can be read. */
  readonly sha256: string;
}

/** A state and the version it is of. */
export interface EventStanding {
  readonly state: string;
  readonly version: number;
}

/** What happened; everything but the position in the chain. */
export interface EventFields {
  readonly action: string;
  /** The caller's, IPv4 or IPv6 text; absent for ceremonies and duties. */
  readonly address?: string;
  /** Only where others had to agree. */
  readonly approval?: EventApproval;
  /** certificate, token, development listener, or none. */
  readonly authentication: string;
  /** Only where a break of the log was acknowledged. */
  readonly breaks?: readonly EventBreak[];
  /** pending: others must agree first. */
  readonly decision: "allow" | "refuse" | "pending";
  /** Permissions that the request needed beyond its operation's: what was asked for that not everybody may ask for. */
  readonly demands?: readonly string[];
  /** Only for Batch. */
  readonly items?: readonly EventItem[];
  readonly key: string;
  /** Where the key, or the older version the operation was about, stood before and after; only for changes of keys. */
  readonly moved?: { readonly from: EventStanding; readonly to: EventStanding };
  readonly namespace: string;
  /** A second key that was used, for operations that name two. */
  readonly other?: string;
  /** OK or an error code. */
  readonly outcome: string;
  /** SHA-256 of the request body, hexadecimal; empty when there was none. */
  readonly payload: string;
  readonly principal: string;
  /** Only for changes. */
  readonly records?: readonly RecordAnchor[];
  readonly request: string;
  /** The policy scripts that were asked, in order; only where there were any. */
  readonly scripts?: readonly EventScript[];
  /** True when a key was used or made that is in the vault's memory alone; only then. */
  readonly sessionKey?: boolean;
  /** Only when what was used is revoked or compromised: which of the two. */
  readonly state?: string;
  /** ISO 8601, milliseconds, UTC. */
  readonly time: string;
  /** W3C trace id, 32 hexadecimal digits; only when the caller sent one. */
  readonly trace?: string;
  /** Key version, 0 when none. */
  readonly version: number;
}

/** An event in its place. */
export interface ChainedEvent extends EventFields {
  /**
   * Sequence number of the first event of the batch this one was written with. A batch is written only when
   * everything before it is durable, so a genuine event says of everything before its batch that it was.
   */
  readonly batch: number;
  readonly previous: string;
  readonly sequence: number;
}

/** `previous` of the first event. */
export const GENESIS = "0".repeat(64);

/** The member for a pending request, where there is one. */
const approvalMember = (approval: EventApproval | undefined): string => {
  if (approval === undefined) return "";
  const { digest, id, key, signature } = approval;
  const members = [["digest", digest] as const, ["id", id] as const, ["key", key] as const, ["signature", signature] as const];
  return `"approval":{${members.flatMap(([name, value]) => (value === undefined ? [] : [`"${name}":${quoted(value)}`])).join(",")}},`;
};

/** The member for an uncommon state, where there is one; it comes after others. */
const stateMember = (state: string | undefined): string => (state === undefined ? "" : `,"state":${quoted(state)}`);

/** The member for session keys, where there was one; it comes after others. */
const sessionKeyMember = (sessionKey: boolean | undefined): string => (sessionKey === true ? ',"sessionKey":true' : "");

const standingText = ({ state, version }: EventStanding): string => `{"state":${quoted(state)},"version":${version}}`;

/** The member for further permissions, where there are any. */
const demandsMember = (demands: readonly string[] | undefined): string =>
  demands === undefined ? "" : `"demands":[${demands.map(quoted).join(",")}],`;

/** The member for policy scripts, where any were asked; it comes after others. */
const scriptsMember = (scripts: readonly EventScript[] | undefined): string =>
  scripts === undefined
    ? ""
    : `,"scripts":[${scripts.map(({ fuel, name, verdict, version }) => `{"fuel":${fuel},"name":${quoted(name)},"verdict":${quoted(verdict)},"version":${version}}`).join(",")}]`;

/** The member for the caller's address, where there was a caller. */
const addressMember = (address: string | undefined): string => (address === undefined ? "" : `"address":${quoted(address)},`);

/** Breaks of the log, in the order of their members. */
export const breaksText = (breaks: readonly EventBreak[]): string =>
  `[${breaks.map(({ bytes, first, hash: end, last, sha256 }) => `{"bytes":${bytes},"first":${first},"hash":"${end}","last":${last},"sha256":"${sha256}"}`).join(",")}]`;

/** The member for breaks of the log, where some were acknowledged. */
const breaksMember = (breaks: readonly EventBreak[] | undefined): string => (breaks === undefined ? "" : `"breaks":${breaksText(breaks)},`);

/** The member for a trace, where there is one; it comes after others. */
const traceMember = (trace: string | undefined): string => (trace === undefined ? "" : `,"trace":"${trace}"`);

/** The member for a second key, where there is one. */
const otherMember = (other: string | undefined): string => (other === undefined ? "" : `"other":${quoted(other)},`);

const text = JSON.stringify as (value: string) => string;
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const quoted = (value: string): string => (PLAIN.test(value) ? `"${value}"` : text(value.toWellFormed()));

/** The canonical JSON of an event in its place. */
export function canonicalEvent(fields: EventFields, previous: string, sequence: number, batch: number): string {
  const items =
    fields.items === undefined
      ? ""
      : `"items":[${fields.items.map((item) => `{"action":${quoted(item.action)},${demandsMember(item.demands)}"key":${quoted(item.key)},${otherMember(item.other)}"outcome":"${item.outcome}","payload":"${item.payload}"${scriptsMember(item.scripts)}${sessionKeyMember(item.sessionKey)}${stateMember(item.state)}}`).join(",")}],`;
  const moved =
    fields.moved === undefined ? "" : `"moved":{"from":${standingText(fields.moved.from)},"to":${standingText(fields.moved.to)}},`;
  const records =
    fields.records === undefined
      ? ""
      : `"records":[${fields.records.map((record) => `{"digest":"${record.digest}","name":${quoted(record.name)}}`).join(",")}],`;
  return `{"action":${quoted(fields.action)},${addressMember(fields.address)}${approvalMember(fields.approval)}"authentication":${quoted(fields.authentication)},"batch":${batch},${breaksMember(fields.breaks)}"decision":"${fields.decision}",${demandsMember(fields.demands)}${items}"key":${quoted(fields.key)},${moved}"namespace":${quoted(fields.namespace)},${otherMember(fields.other)}"outcome":"${fields.outcome}","payload":"${fields.payload}","previous":"${previous}","principal":${quoted(fields.principal)},${records}"request":${quoted(fields.request)}${scriptsMember(fields.scripts)},"sequence":${sequence}${sessionKeyMember(fields.sessionKey)}${stateMember(fields.state)},"time":"${fields.time}"${traceMember(fields.trace)},"version":${fields.version}}`;
}

export interface SealedLine {
  /** The finished line, newline included. */
  readonly line: string;
  /** SHA-256 of the event, hexadecimal: the next event's `previous`. */
  readonly hash: string;
}

/** Puts an event in its place and seals it. */
export function sealEvent(fields: EventFields, previous: string, sequence: number, batch: number, mac: PreparedHmac): SealedLine {
  const canonical = canonicalEvent(fields, previous, sequence, batch);
  const digest = hash("sha256", canonical, "hex");
  return { line: `{"event":${canonical},"mac":"${mac.macHex(digest)}"}\n`, hash: digest };
}

const HEAD = '{"event":';
const MAC_BYTES = 64;
const TAIL_BYTES = ',"mac":""}'.length + MAC_BYTES;

/** A line taken apart, nothing verified yet. */
export interface ParsedLine {
  readonly canonical: string;
  readonly event: ChainedEvent;
  readonly hash: string;
  readonly mac: string;
}

/** Takes a line (without newline) apart, or undefined when it is no line of this log. */
export function parseLine(line: string): ParsedLine | undefined {
  if (!line.startsWith(HEAD) || line.length < HEAD.length + TAIL_BYTES) return undefined;
  const cut = line.length - TAIL_BYTES;
  const tail = line.slice(cut);
  if (!tail.startsWith(',"mac":"') || !tail.endsWith('"}')) return undefined;
  const mac = tail.slice(8, 8 + MAC_BYTES);
  if (!/^[0-9a-f]{64}$/.test(mac)) return undefined;
  const canonical = line.slice(HEAD.length, cut);
  let event: ChainedEvent;
  try {
    event = JSON.parse(canonical) as ChainedEvent;
  } catch {
    return undefined;
  }
  if (event === null || typeof event !== "object" || typeof event.previous !== "string" || !Number.isSafeInteger(event.sequence))
    return undefined;
  return { canonical, event, hash: hash("sha256", canonical, "hex"), mac };
}

/** True when the MAC of a parsed line is this vault's. Constant time. */
export function macMatches(parsed: ParsedLine, macKey: KeyObject): boolean {
  return timingSafeEqual(createHmac("sha256", macKey).update(parsed.hash, "hex").digest(), Buffer.from(parsed.mac, "hex"));
}
