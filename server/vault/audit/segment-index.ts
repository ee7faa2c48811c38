/**
 * Beside each finished segment, `<segment>.index`: which lines have which values, so that a search reads those alone.
 *
 *      keystead index 1\n
 *      <first sequence> <last sequence> <hash of the last event> <earliest time> <latest time>\n    in milliseconds
 *      257 positions, u32 each: where each bucket begins, and where the last ends
 *      HMAC-SHA-256 of every byte before
 *      256 buckets: entries of 12 bytes in order of value and line: u32 value, u32 line, u32 position;
 *                   then HMAC-SHA-256 of "keystead index bucket\n", the HMAC above, u8 bucket, entries
 *
 * A value is the FNV-1a of a field's letter and its text; its high byte says the bucket. Two values may share a number: then a
 * line is looked at in vain. A value that more than {@link COMMON_LINES} lines have has one entry, {@link COMMON}: whoever looks
 * for it reads the segment, where it soon meets one.
 *
 * An index says nothing that its segment does not: one that is missing, torn or not genuine is as good as none, the search
 * reads the segment, and it is made again. It is made under the audit key and names its segment's end, so nobody can hide a line
 * by writing one, by bringing an old one back, or by exchanging two.
 *
 * @see ARCHITECTURE.md "Audit log"
 */
import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";
import type { AuditFilter } from "./audit-filter.ts";
import type { ChainedEvent } from "./event.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import type { SegmentName } from "./segments.ts";

/** A line that may have a value: its number in the segment, from 0, and its byte position. */
export interface IndexedLine {
  readonly line: number;
  readonly position: number;
}

/** Lines that may have a value, in order; "common": too many to be named. */
export type Lines = readonly IndexedLine[] | "common";

/** What a segment is and ends with. */
export interface SegmentSpan {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastHash: string;
}

const TITLE = "keystead index 1";
const BUCKET_TITLE = Buffer.from("keystead index bucket\n", "latin1");
const BUCKETS = 256;
const TABLE_BYTES = (BUCKETS + 1) * 4;
const MAC_BYTES = 32;
const ENTRY_BYTES = 12;
/** A title and a span have fewer bytes than this. */
const HEAD_BYTES = 256;
/** Lines of one value that are named, at most. */
export const COMMON_LINES = 512;
const COMMON = 0xffffffff;
/** Buckets that are written before other work goes first. */
const PAUSE_BUCKETS = 16;

const pathOf = (segmentPath: string): string => `${segmentPath}.index`;
const macOf = (macKey: KeyObject, ...parts: readonly Uint8Array[]): Buffer => {
  const mac = createHmac("sha256", macKey);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

/** FNV-1a, 32 bits, of a field and its text as UTF-16 code units. */
export function valueOf(field: string, text: string): number {
  let value = 0x811c9dc5;
  for (const part of [field, text])
    for (let at = 0; at < part.length; at += 1) value = Math.imul(value ^ part.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}

/** The values of an event: all that a search may name. */
function valuesOf(event: ChainedEvent): Set<number> {
  const values = new Set<number>();
  const add = (field: string, text: string | undefined): void => {
    if (text !== undefined && text !== "") values.add(valueOf(field, text));
  };
  add("k", event.key);
  add("o", event.other);
  for (const item of event.items ?? []) {
    add("k", item.key);
    add("o", item.other);
  }
  add("n", event.namespace);
  add("a", event.action);
  add("p", event.principal);
  add("c", event.outcome);
  add("d", event.decision);
  add("r", event.request);
  add("v", event.approval?.id);
  return values;
}

/** The values of which an event that a filter shows must have each. */
export function valuesWanted(filter: AuditFilter): number[] {
  const [namespace, ...more] = filter.namespaces ?? [];
  const named = [
    ["k", filter.keyId],
    ["o", filter.otherKeyId],
    ["n", more.length === 0 ? (namespace ?? "") : ""],
    ["a", filter.action],
    ["p", filter.principal],
    ["c", filter.outcome],
    ["d", filter.decision],
    ["r", filter.requestId],
    ["v", filter.approvalId],
  ] as const;
  return named.filter(([, text]) => text !== "").map(([field, text]) => valueOf(field, text));
}

/** Collects what an index says, line by line. */
export class IndexBuilder {
  readonly #lines = new Map<number, number[]>();
  #line = 0;
  #position = 0;
  #earliest = Infinity;
  #latest = -Infinity;

  /** The next line of the segment. @param bytes its length, newline included */
  add(event: ChainedEvent, bytes: number): void {
    for (const value of valuesOf(event)) {
      const lines = this.#lines.get(value);
      if (lines === undefined) this.#lines.set(value, [this.#line, this.#position]);
      else if (lines.length <= COMMON_LINES * 2) lines.push(this.#line, this.#position);
    }
    const time = Date.parse(event.time);
    this.#earliest = Math.min(this.#earliest, time);
    this.#latest = Math.max(this.#latest, time);
    this.#line += 1;
    this.#position += bytes;
  }

  /** Writes the index of a segment that has ended, in pieces. Not durable: what a crash loses is made again. */
  async write(
    files: FileLayer,
    segmentPath: string,
    { firstSequence, lastSequence, lastHash }: SegmentSpan,
    macKey: KeyObject,
  ): Promise<void> {
    const buckets: number[][] = Array.from({ length: BUCKETS }, () => []);
    for (const value of this.#lines.keys()) (buckets[value >>> 24] as number[]).push(value);
    const bodies: Buffer[] = [];
    for (const [bucket, values] of buckets.entries()) {
      bodies.push(this.#entriesOf(values.sort((a, b) => a - b)));
      if (bucket % PAUSE_BUCKETS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const text = Buffer.from(`${TITLE}\n${firstSequence} ${lastSequence} ${lastHash} ${this.#earliest} ${this.#latest}\n`, "latin1");
    const table = Buffer.alloc(TABLE_BYTES);
    let at = text.length + TABLE_BYTES + MAC_BYTES;
    for (const [bucket, body] of bodies.entries()) {
      table.writeUInt32BE(at, bucket * 4);
      at += body.length + MAC_BYTES;
    }
    table.writeUInt32BE(at, BUCKETS * 4);
    const head = macOf(macKey, text, table);
    const macs = bodies.map((body, bucket) => macOf(macKey, BUCKET_TITLE, head, Buffer.of(bucket), body));
    const whole = Buffer.concat([text, table, head, ...bodies.flatMap((body, bucket) => [body, macs[bucket] as Buffer])]);
    const file = files.open(pathOf(segmentPath), "append");
    try {
      file.write(whole, 0);
      file.truncate(whole.length);
    } finally {
      file.close();
    }
  }

  #entriesOf(values: readonly number[]): Buffer {
    const lists = values.map((value) => {
      const lines = this.#lines.get(value) as number[];
      return lines.length > COMMON_LINES * 2 ? [COMMON, COMMON] : lines;
    });
    const body = Buffer.alloc(lists.reduce((sum, list) => sum + list.length / 2, 0) * ENTRY_BYTES);
    let at = 0;
    for (const [index, list] of lists.entries())
      for (let member = 0; member < list.length; member += 2) {
        at = body.writeUInt32BE(values[index] as number, at);
        at = body.writeUInt32BE(list[member] as number, at);
        at = body.writeUInt32BE(list[member + 1] as number, at);
      }
    return body;
  }
}

/** An index whose head is genuine. */
export class SegmentIndex {
  readonly lastHash: string;
  /** Of its events, in milliseconds. */
  readonly earliest: number;
  readonly latest: number;
  readonly #file: LogFile;
  readonly #macKey: KeyObject;
  readonly #table: Buffer;
  readonly #head: Buffer;

  private constructor(file: LogFile, macKey: KeyObject, table: Buffer, head: Buffer, lastHash: string, earliest: number, latest: number) {
    this.#file = file;
    this.#macKey = macKey;
    this.#table = table;
    this.#head = head;
    this.lastHash = lastHash;
    this.earliest = earliest;
    this.latest = latest;
  }

  /**
   * Opens the index of a segment that ends before `nextSequence`.
   *
   * @returns undefined when there is none that is genuine and about this segment
   */
  static open(files: FileLayer, segment: SegmentName, nextSequence: number, macKey: KeyObject): SegmentIndex | undefined {
    let file: LogFile;
    try {
      file = files.open(pathOf(segment.path), "read");
    } catch {
      return undefined;
    }
    const bytes = Buffer.alloc(HEAD_BYTES + TABLE_BYTES + MAC_BYTES);
    const read = bytes.subarray(0, file.read(bytes, 0));
    const end = read.indexOf(10, TITLE.length + 1) + 1;
    const text = read.subarray(0, end);
    const table = read.subarray(end, end + TABLE_BYTES);
    const head = read.subarray(end + TABLE_BYTES, end + TABLE_BYTES + MAC_BYTES);
    const [title, span = ""] = text.toString("latin1").split("\n");
    const [first, last, lastHash = "", earliest, latest] = span.split(" ");
    const genuine =
      end > TITLE.length + 1 &&
      head.length === MAC_BYTES &&
      timingSafeEqual(head, macOf(macKey, text, table)) &&
      title === TITLE &&
      Number(first) === segment.firstSequence &&
      Number(last) + 1 === nextSequence;
    if (!genuine) {
      file.close();
      return undefined;
    }
    return new SegmentIndex(file, macKey, table, head, lastHash, Number(earliest), Number(latest));
  }

  /** Lines that may have a value. @returns undefined when this part of the index is not genuine */
  lines(value: number): Lines | undefined {
    const bucket = value >>> 24;
    const from = this.#table.readUInt32BE(bucket * 4);
    const bytes = Buffer.alloc(this.#table.readUInt32BE(bucket * 4 + 4) - from);
    if (this.#file.read(bytes, from) < bytes.length) return undefined;
    const body = bytes.subarray(0, bytes.length - MAC_BYTES);
    const mac = bytes.subarray(body.length);
    if (!timingSafeEqual(mac, macOf(this.#macKey, BUCKET_TITLE, this.#head, Buffer.of(bucket), body))) return undefined;
    const lines: IndexedLine[] = [];
    for (let at = firstOf(body, value); at < body.length && body.readUInt32BE(at) === value; at += ENTRY_BYTES) {
      const line = body.readUInt32BE(at + 4);
      if (line === COMMON) return "common";
      lines.push({ line, position: body.readUInt32BE(at + 8) });
    }
    return lines;
  }

  close(): void {
    this.#file.close();
  }
}

/** Where the entries of a value begin, or would. */
function firstOf(body: Buffer, value: number): number {
  let low = 0;
  let high = body.length / ENTRY_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (body.readUInt32BE(middle * ENTRY_BYTES) < value) low = middle + 1;
    else high = middle;
  }
  return low * ENTRY_BYTES;
}
