/**
 * Reading the log for GetAuditLog: filtered, in either order, by sequence number.
 *
 * Lines are handed out exactly as they stand. Only durable, acknowledged events are read: the caller names the last.
 */
import { parseLine, type ParsedLine } from "./event.ts";
import type { FileLayer } from "./file-layer.ts";
import { listSegments, readLines, type SegmentName } from "./segments.ts";

export interface ReadOptions {
  readonly files: FileLayer;
  readonly path: string;
  /** Last event that may be shown. */
  readonly upTo: number;
  readonly newestFirst: boolean;
  /** Exclusive; 0 = from the start, or from the end when newest first. */
  readonly after: number;
  readonly limit: number;
  readonly matches: (parsed: ParsedLine) => boolean;
}

/** Lines looked at before other work goes first: about a millisecond. */
const PAUSE_LINES = 128;

/** @returns matching events, and the sequence to pass as `after` for more, or undefined at the end */
export async function readEvents(options: ReadOptions): Promise<{ events: ParsedLine[]; next: number | undefined }> {
  const { files, path, newestFirst, after, limit, upTo } = options;
  const events: ParsedLine[] = [];
  const segments = listSegments(files, path);
  const first = newestFirst ? 1 : after + 1;
  const last = newestFirst && after > 0 ? Math.min(upTo, after - 1) : upTo;
  let looked = 0;
  for (const segment of newestFirst ? segments.toReversed() : segments) {
    const following = segments[segments.indexOf(segment) + 1];
    if (segment.firstSequence > last || (following !== undefined && following.firstSequence <= first)) continue;
    const lines = linesBetween(files, segment, first, last);
    for (const line of newestFirst ? lines.reverse() : lines) {
      looked += 1;
      if (looked % PAUSE_LINES === 0) await new Promise((resolve) => setImmediate(resolve));
      const parsed = parseLine(line);
      if (parsed === undefined || !options.matches(parsed)) continue;
      if (events.length === limit) return { events, next: events.at(-1)?.event.sequence };
      events.push(parsed);
    }
  }
  return { events, next: undefined };
}

/** The lines of a segment whose sequence numbers lie in a range, unparsed. */
function linesBetween(files: FileLayer, segment: SegmentName, first: number, last: number): string[] {
  const file = files.open(segment.path, "read");
  const lines: string[] = [];
  let sequence = segment.firstSequence - 1;
  try {
    for (const { line, end } of readLines(file)) {
      sequence += 1;
      if (end === -1 || sequence > last) break;
      if (sequence >= first) lines.push(line);
    }
  } finally {
    file.close();
  }
  return lines;
}
