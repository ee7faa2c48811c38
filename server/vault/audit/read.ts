/**
 * Searching the log, for GetAuditLog: filtered, in either order, by sequence number.
 *
 * Segments that have ended are asked by their index which lines to read, others are read through. What is found is handed out
 * exactly as it stands, once its MAC and its place are right. Only durable, acknowledged events are read: the caller names the
 * last. Work is bounded: a search that has read so much gives what it has and says how far it looked.
 */
import type { KeyObject } from "node:crypto";
import { shows, type AuditFilter, type Hidden } from "./audit-filter.ts";
import { macMatches, parseLine, type ParsedLine } from "./event.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { LogBreak } from "./log-break.ts";
import { SegmentIndex, valuesWanted, type IndexedLine } from "./segment-index.ts";
import { listSegments, readLines, type SegmentName } from "./segments.ts";

export interface ReadOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject;
  /** Last event that may be shown. */
  readonly upTo: number;
  readonly newestFirst: boolean;
  /** Exclusive; 0 = from the start, or from the end when newest first. */
  readonly after: number;
  readonly limit: number;
  readonly filter: AuditFilter;
  readonly hidden: Hidden;
  /** Bytes of segments that are read through for one answer, at most about; 64 MiB when left out. */
  readonly scanBytes?: number;
}

const SCAN_BYTES = 64 * 1024 * 1024;
/** Lines looked at before other work goes first: about a millisecond. */
const PAUSE_LINES = 512;
/** Segments asked before other work goes first. */
const PAUSE_SEGMENTS = 8;
/** What stands before an event's time, and the time's length; within quoted text its quotes are escaped. */
const TIME = '"time":"';
const TIME_CHARACTERS = 24;
/** Most lines are shorter. */
const LINE_BYTES = 2048;

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @returns matching events, and the sequence to pass as `after` for more, or undefined at the end */
export async function readEvents(options: ReadOptions): Promise<{ events: ParsedLine[]; next: number | undefined }> {
  const { files, path, newestFirst, after, limit, upTo } = options;
  const events: ParsedLine[] = [];
  const segments = listSegments(files, path);
  const first = newestFirst ? 1 : after + 1;
  const last = newestFirst && after > 0 ? Math.min(upTo, after - 1) : upTo;
  const search = new Search(options, first, last);
  const order = newestFirst ? segments.toReversed() : segments;
  let nextFirst = newestFirst ? Infinity : undefined;
  for (const [index, segment] of order.entries()) {
    const following = newestFirst ? nextFirst : order[index + 1]?.firstSequence;
    nextFirst = segment.firstSequence;
    const end = following === undefined || following === Infinity ? undefined : following;
    if (segment.gone !== undefined || segment.firstSequence > last || (end !== undefined && end <= first)) continue;
    if (search.spent) {
      // The next search begins with this segment.
      const looked = newestFirst ? Math.min((end ?? Infinity) - 1, last) + 1 : Math.max(segment.firstSequence, first) - 1;
      return { events, next: events.length === limit ? (events.at(-1)?.event.sequence as number) : looked };
    }
    if (index % PAUSE_SEGMENTS === 0) await pause();
    for await (const found of search.segment(segment, end)) {
      if (events.length === limit) return { events, next: events.at(-1)?.event.sequence };
      events.push(found);
    }
  }
  return { events, next: undefined };
}

class Search {
  readonly #options: ReadOptions;
  readonly #first: number;
  readonly #last: number;
  readonly #values: readonly number[];
  readonly #needles: readonly string[];
  readonly #timed: boolean;
  #left: number;

  constructor(options: ReadOptions, first: number, last: number) {
    this.#options = options;
    this.#first = first;
    this.#last = last;
    this.#values = valuesWanted(options.filter);
    this.#needles = needlesOf(options.filter);
    this.#timed = options.filter.since !== -Infinity || options.filter.until !== Infinity;
    this.#left = options.scanBytes ?? SCAN_BYTES;
  }

  /** So much was read that the rest is for another time. */
  get spent(): boolean {
    return this.#left <= 0;
  }

  /** What a segment shows, in order. @param nextSequence where the next one begins; undefined: it is the last */
  async *segment(segment: SegmentName, nextSequence: number | undefined): AsyncGenerator<ParsedLine> {
    const chosen = nextSequence === undefined ? undefined : this.#chosen(segment, nextSequence);
    if (chosen?.length === 0) return;
    const file = this.#options.files.open(segment.path, "read");
    try {
      yield* chosen === undefined ? this.#through(file, segment) : this.#picked(file, segment, chosen);
    } finally {
      file.close();
    }
  }

  /** The lines to read, by the index; undefined: all of them. */
  #chosen(segment: SegmentName, nextSequence: number): readonly IndexedLine[] | undefined {
    const { files, macKey, filter } = this.#options;
    if (this.#values.length === 0 && !this.#timed) return undefined;
    const index = SegmentIndex.open(files, segment, nextSequence, macKey);
    if (index === undefined) return undefined;
    try {
      if (index.latest < filter.since || index.earliest >= filter.until) return [];
      let fewest: readonly IndexedLine[] | undefined;
      for (const value of this.#values) {
        const lines = index.lines(value);
        if (lines === undefined || lines === "common") continue;
        if (lines.length < (fewest?.length ?? Infinity)) fewest = lines;
      }
      return fewest;
    } finally {
      index.close();
    }
  }

  /** The lines that an index names. */
  async *#picked(file: LogFile, { firstSequence }: SegmentName, lines: readonly IndexedLine[]): AsyncGenerator<ParsedLine> {
    let looked = 0;
    for (const { line, position } of this.#options.newestFirst ? lines.toReversed() : lines) {
      const sequence = firstSequence + line;
      if (sequence < this.#first || sequence > this.#last) continue;
      looked += 1;
      this.#left -= LINE_BYTES;
      if (looked % (PAUSE_LINES / 8) === 0) await pause();
      const found = this.#shown(lineAt(file, position), sequence, true);
      if (found !== undefined) yield found;
    }
  }

  /** Every line. */
  async *#through(file: LogFile, { firstSequence }: SegmentName): AsyncGenerator<ParsedLine> {
    const { newestFirst } = this.#options;
    const candidates: [line: string, sequence: number][] = [];
    let sequence = firstSequence - 1;
    for (const { line, end } of readLines(file)) {
      sequence += 1;
      if (end === -1 || sequence > this.#last) break;
      this.#left -= line.length;
      if (sequence % PAUSE_LINES === 0) await pause();
      if (sequence < this.#first || !this.#needles.every((needle) => line.includes(needle)) || !this.#inTime(line)) continue;
      if (newestFirst) candidates.push([line, sequence]);
      else {
        const found = this.#shown(line, sequence);
        if (found !== undefined) yield found;
      }
    }
    for (let at = candidates.length - 1; at >= 0; at -= 1) {
      if (at % PAUSE_LINES === 0) await pause();
      const found = this.#shown(...(candidates[at] as [string, number]));
      if (found !== undefined) yield found;
    }
  }

  /** Whether a line's time may be asked for: its text alone says so, because all are written alike. */
  #inTime(line: string): boolean {
    if (!this.#timed) return true;
    const { since, until } = this.#options.filter;
    const at = line.lastIndexOf(TIME) + TIME.length;
    const time = Date.parse(line.slice(at, at + TIME_CHARACTERS));
    return Number.isNaN(time) || (time >= since && time < until);
  }

  /** A line that is asked for, once it is proven. @throws {LogBreak} */
  #shown(line: string, sequence: number, named = false): ParsedLine | undefined {
    const { filter, hidden, macKey } = this.#options;
    const parsed = parseLine(line);
    const wrong = (): LogBreak => new LogBreak(sequence, "the line does not verify");
    if (parsed === undefined || parsed.event.sequence !== sequence) throw wrong();
    const shown = shows(filter, hidden, parsed.event);
    // A line that an index names is proven also when it does not say what the index says: it may have been changed.
    if ((shown || named) && !macMatches(parsed, macKey)) throw wrong();
    return shown ? parsed : undefined;
  }
}

/** The line that begins at a position, without its newline. */
function lineAt(file: LogFile, position: number): string {
  for (let size = LINE_BYTES; ; size *= 8) {
    const bytes = Buffer.allocUnsafeSlow(size);
    const read = bytes.subarray(0, file.read(bytes, position));
    const end = read.indexOf(10);
    if (end !== -1) return read.toString("utf8", 0, end);
    if (read.length < size) return "";
  }
}

/** Texts that the line of an event that a filter shows must have. */
function needlesOf(filter: AuditFilter): string[] {
  const [namespace, ...more] = filter.namespaces ?? [];
  const { keyId, otherKeyId, action, principal, outcome, decision, requestId, approvalId } = filter;
  return [keyId, otherKeyId, more.length === 0 ? (namespace ?? "") : "", action, principal, outcome, decision, requestId, approvalId]
    .filter((text) => text !== "")
    .map((text) => JSON.stringify(text.toWellFormed()));
}
