/**
 * The log's files: `audit.log.<first sequence, 16 digits>`, lines one after the other, zeros after the last one.
 *
 * A segment is filled with zeros ahead of its tail so that a durable write has no file size to record (measured: 2.2 times the
 * events per second at small batches); the zeros are cut when it is closed. This file knows lines and positions; it
 * knows no keys and verifies nothing.
 */
import { isUtf8 } from "node:buffer";
import { basename, dirname, join } from "node:path";
import type { FileLayer, LogFile } from "./file-layer.ts";

export const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Zeros that are written at once: so few that nobody waits long for them, so many that they are seldom waited for. */
const ZEROS = Buffer.alloc(256 * 1024);
/** A write of so many bytes records the file's size with itself: zeros ahead would cost it more than they save. */
const LARGE_BYTES = 128 * 1024;
const READ_BYTES = 1024 * 1024;
/** In the place of a segment that was deleted for its age (purge.ts). */
export const PURGED = ".purged";
/** Beside a segment whose lines do not verify, or in its place, once others agreed to do without it (set-aside.ts). */
export const DAMAGED = ".damaged";

export interface SegmentName {
  readonly path: string;
  readonly firstSequence: number;
  /** Why its lines are not read: deleted for their age (purge.ts), or damaged and set aside (set-aside.ts). */
  readonly gone: "purged" | "damaged" | undefined;
}

/** The segments of a log, oldest first. */
export function listSegments(files: FileLayer, logPath: string): SegmentName[] {
  const folder = dirname(logPath);
  const prefix = `${basename(logPath)}.`;
  const names = new Set(files.list(folder));
  // Of a damaged segment there need not be a file.
  const segments = new Set([...names].map((name) => (name.endsWith(DAMAGED) ? name.slice(0, -DAMAGED.length) : name)));
  return [...segments]
    .filter((name) => name.startsWith(prefix) && /^\d{16}$/.test(name.slice(prefix.length)))
    .sort()
    .map((name) => ({
      path: join(folder, name),
      firstSequence: Number(name.slice(prefix.length)),
      gone: names.has(`${name}${PURGED}`) ? "purged" : names.has(`${name}${DAMAGED}`) ? "damaged" : undefined,
    }));
}

/** Where the segment lies whose first event has this sequence number. */
export const segmentPath = (logPath: string, firstSequence: number): string => `${logPath}.${String(firstSequence).padStart(16, "0")}`;

/**
 * Sequence number of the first event from `from` on that is in no segment that is gone; `from` where nothing is missing.
 *
 * @param files with the marks of what is gone (archived-files.ts)
 */
export function firstKept(files: FileLayer, logPath: string, from: number): number {
  const segments = listSegments(files, logPath);
  const at = segments.findLastIndex(({ firstSequence }) => firstSequence <= from);
  if (at !== -1 && segments[at]?.gone === undefined) return from;
  return segments.slice(at + 1).find(({ gone }) => gone === undefined)?.firstSequence ?? from;
}

/** A line and where its segment holds it. */
export interface LocatedLine {
  /** Without newline. */
  readonly line: string;
  /** Byte position of the line in its segment. */
  readonly position: number;
  /** Byte position after its newline. */
  readonly end: number;
}

/**
 * Reads lines from `position` up to the zeros or the end of the file. The last item may be a torn line (no newline):
 * its `end` is then -1.
 */
export function* readLines(file: LogFile, position = 0): Generator<LocatedLine> {
  let buffer = Buffer.alloc(0);
  let at = position;
  let next = position;
  for (;;) {
    const chunk = Buffer.allocUnsafeSlow(READ_BYTES);
    const read = file.read(chunk, next);
    next += read;
    buffer = buffer.length === 0 ? chunk.subarray(0, read) : Buffer.concat([buffer, chunk.subarray(0, read)]);
    const zero = buffer.indexOf(0);
    let from = 0;
    for (;;) {
      const newline = buffer.indexOf(10, from);
      if (newline === -1 || (zero !== -1 && zero < newline)) break;
      yield { line: textOf(buffer.subarray(from, newline)), position: at, end: at + newline + 1 - from };
      at += newline + 1 - from;
      from = newline + 1;
    }
    if (read < READ_BYTES || zero !== -1) {
      const rest = buffer.subarray(from, zero === -1 ? buffer.length : zero);
      if (rest.length > 0) yield { line: textOf(rest), position: at, end: -1 };
      return;
    }
    buffer = buffer.subarray(from);
  }
}

/** The text of a line. Bytes that are no UTF-8 are no line of ours; decoded leniently, some would read like one that is. */
const textOf = (bytes: Buffer): string => (isUtf8(bytes) ? bytes.toString("utf8") : "");

/**
 * The segment that is being written.
 *
 * Lines are either durable when their append returns, or wait in the page cache for the next durable write, which
 * takes them along: a durable write always begins where durability ended.
 */
export class SegmentWriter {
  readonly #files: FileLayer;
  readonly #logPath: string;
  readonly #file: LogFile;
  readonly path: string;
  /** Bytes of lines. */
  #tail: number;
  /** Bytes of lines that are on the disk. */
  #durable: number;
  #waiting: Buffer[] = [];
  /** Some of the lines that wait are in the file only. */
  #unkept = false;
  #zeroedTo: number;

  private constructor(files: FileLayer, logPath: string, path: string, file: LogFile, tail: number, waiting: Buffer) {
    this.#files = files;
    this.#logPath = logPath;
    this.path = path;
    this.#file = file;
    this.#tail = tail;
    this.#durable = tail - waiting.length;
    if (waiting.length > 0) this.#waiting = [waiting];
    this.#zeroedTo = file.size();
  }

  /** Starts a new segment whose first event has this sequence number. */
  static create(files: FileLayer, logPath: string, firstSequence: number): SegmentWriter {
    const folder = dirname(logPath);
    files.ensureFolder(folder);
    const path = segmentPath(logPath, firstSequence);
    const file = files.open(path, "append");
    files.syncFolder(folder);
    return new SegmentWriter(files, logPath, path, file, 0, Buffer.alloc(0));
  }

  /** Continues a segment after `tail` bytes, of which the first `durable` are known to be on the disk; the rest is cut. */
  static resume(files: FileLayer, logPath: string, path: string, tail: number, durable: number): SegmentWriter {
    const file = files.open(path, "append");
    file.truncate(tail);
    const waiting = Buffer.alloc(tail - durable);
    file.read(waiting, durable);
    return new SegmentWriter(files, logPath, path, file, tail, waiting);
  }

  /** Sequence number of the first event this segment holds, or will. */
  get firstSequence(): number {
    return Number(this.path.slice(-16));
  }

  /** Bytes of lines in this segment. */
  get bytes(): number {
    return this.#tail;
  }

  /**
   * Writes finished lines after the last one; they become durable with the next durable write. `keep` holds them in
   * memory until then; without it they are read back from the file.
   */
  append(lines: Buffer, keep = true): void {
    this.#makeRoom(lines.length);
    this.#file.write(lines, this.#tail);
    this.#tail += lines.length;
    if (keep) this.#waiting.push(lines);
    else this.#unkept = true;
  }

  /** Writes finished lines after the last one; everything up to them is durable when this resolves. */
  async appendDurable(lines: Buffer): Promise<void> {
    const bytes = this.#withWaiting(lines);
    const end = this.#tail + lines.length;
    if (end <= this.#zeroedTo) {
      await this.#file.writeDurable(bytes, this.#durable);
    } else if (bytes.length >= LARGE_BYTES) {
      await this.#file.writeDurable(bytes, this.#durable);
      this.#zeroedTo = end;
    } else {
      // The zeros ahead ride on this write: written on their own they would hold up the event loop.
      const withZeros = Buffer.alloc(bytes.length + ZEROS.length);
      bytes.copy(withZeros);
      await this.#file.writeDurable(withZeros, this.#durable);
      this.#zeroedTo = end + ZEROS.length;
    }
    this.#written(lines.length);
  }

  /** Whether lines of so many bytes find their blocks allocated. */
  hasRoom(bytes: number): boolean {
    return this.#tail + bytes <= this.#zeroedTo;
  }

  /** As {@link appendDurable}, on this thread. */
  appendDurableNow(lines: Buffer): void {
    this.#makeRoom(lines.length);
    const bytes = this.#withWaiting(lines);
    this.#file.writeDurableNow(bytes, this.#durable);
    this.#written(lines.length);
  }

  /** Makes everything appended so far durable. */
  syncNow(): void {
    if (this.#durable < this.#tail) this.appendDurableNow(Buffer.alloc(0));
  }

  /** Forgets whatever a failed append may have left behind the last good line. */
  retract(): void {
    this.#file.truncate(this.#tail);
    this.#zeroedTo = this.#tail;
  }

  /** Makes everything durable, cuts the zeros and closes; then starts the next segment. */
  roll(nextSequence: number): SegmentWriter {
    this.close();
    return SegmentWriter.create(this.#files, this.#logPath, nextSequence);
  }

  close(): void {
    this.syncNow();
    this.#file.truncate(this.#tail);
    this.#file.close();
  }

  /** The lines that are not durable yet, and then these. */
  #withWaiting(lines: Buffer): Buffer {
    if (!this.#unkept) return this.#waiting.length === 0 ? lines : Buffer.concat([...this.#waiting, lines]);
    const bytes = Buffer.alloc(this.#tail - this.#durable + lines.length);
    this.#file.read(bytes.subarray(0, this.#tail - this.#durable), this.#durable);
    lines.copy(bytes, this.#tail - this.#durable);
    return bytes;
  }

  #written(bytes: number): void {
    this.#tail += bytes;
    this.#durable = this.#tail;
    this.#waiting = [];
    this.#unkept = false;
  }

  /** Fills ahead with zeros, durably, so that the writes to come find their blocks allocated. */
  #makeRoom(bytes: number): void {
    const end = this.#tail + bytes;
    if (end <= this.#zeroedTo) return;
    this.#file.writeDurableNow(ZEROS, Math.max(this.#zeroedTo, this.#tail));
    this.#zeroedTo = Math.max(this.#zeroedTo, this.#tail) + ZEROS.length;
    if (end > this.#zeroedTo) this.#zeroedTo = end;
  }
}
