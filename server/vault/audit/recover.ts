/**
 * Brings a log to a good end after any kind of stop, before anything else is allowed.
 *
 * In order: collect what finished segments anchor (from their lists, anchor-list.ts, where there are any), find the tail,
 * cut a torn line, append the outbox lines that the segment lacks byte for byte, and make all of it durable. Only what was never acknowledged may be cut: everything up to the store's
 * durable sequence must be there, and a line that does not verify before it, or that is whole and does not verify, is
 * tampering, not a torn write.
 *
 * @see ARCHITECTURE.md "Audit log"
 */
import { createHash, type KeyObject } from "node:crypto";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import type { Store } from "../stores/store.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { GENESIS, macMatches, parseLine, type ParsedLine } from "./event.ts";
import { LogBreak } from "./log-break.ts";
import { readAnchorList, writeAnchorList, type AnchorList } from "./anchor-list.ts";
import type { TreeStart } from "./log-tree.ts";
import { SegmentWriter, listSegments, readLines, segmentPath, type SegmentName } from "./segments.ts";

export interface RecoveredLog {
  readonly sequence: number;
  readonly hash: string;
  readonly anchors: Map<string, string>;
  /** Those of the segment to go on with alone. */
  readonly segmentAnchors: Map<string, string>;
  /** The segment to go on with; undefined when the log is empty. */
  readonly segment: SegmentWriter | undefined;
  /** Time of that segment's first event, in milliseconds since 1970; undefined when it has none. */
  readonly segmentSince: number | undefined;
  readonly tree: TreeStart;
  /** A segment is missing that its list leads across. */
  readonly lost: boolean;
  /** What was mended, for the operator's log. */
  readonly cutBytes: number;
  readonly replayedLines: number;
}

/** What there is before a segment. */
type Before = Pick<AnchorList, "lastSequence" | "lastHash" | "tree">;

export interface RecoverOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly store: Store;
  readonly macKey: KeyObject;
}

const broken = (sequence: number, reason: string): LogBreak => new LogBreak(sequence, reason);

/** @throws {LogBreak} naming the first event that is missing or does not verify */
export function recoverLog(options: RecoverOptions): RecoveredLog {
  const { files, path, store, macKey } = options;
  const segments = listSegments(files, path);
  const anchors = new Map<string, string>();
  let before: Before = { lastSequence: 0, lastHash: GENESIS, tree: new Frontier() };
  let lost = false;
  for (const [index, segment] of segments.entries()) {
    // The lists of segments that are missing lead across them; what becomes of such a log is not decided here.
    while (segment.firstSequence > before.lastSequence + 1) {
      const first = before.lastSequence + 1;
      const list = readAnchorList(files, { path: segmentPath(path, first), firstSequence: first }, macKey);
      if (list === undefined || list.lastSequence < first) throw broken(first, "the segment with it is missing");
      merge(list.anchors, anchors);
      before = list;
      lost = true;
    }
    if (segment.firstSequence !== before.lastSequence + 1) throw broken(before.lastSequence + 1, "the segment with it is missing");
    const next = segments[index + 1];
    if (next === undefined) break;
    const list = listOf(files, segment, next.firstSequence, before, macKey);
    merge(list.anchors, anchors);
    before = list;
  }
  const outbox = store.outbox();
  const last = segments.at(-1);
  const segmentAnchors = new Map<string, string>();
  const hashes: string[] = [];
  const segmentDigest = createHash("sha512");
  const tree: TreeStart = { before: before.tree, hashes, segmentDigest };
  let segmentSince: number | undefined;
  const take = (parsed: ParsedLine, line: string): void => {
    anchorAll(parsed, segmentAnchors);
    hashes.push(parsed.hash);
    segmentDigest.update(line, "utf8");
    segmentSince ??= Date.parse(parsed.event.time);
  };
  const tail =
    last === undefined
      ? { sequence: 0, hash: GENESIS, end: 0, durableEnd: 0, cutBytes: 0 }
      : readTail(files, last, before.lastHash, macKey, take, outbox, store.durableSequence());
  if (tail.sequence < store.durableSequence())
    throw broken(tail.sequence + 1, `missing; the store knows of ${store.durableSequence()} events`);
  const segment = last === undefined ? undefined : SegmentWriter.resume(files, path, last.path, tail.end, tail.durableEnd);
  const missing = outbox.filter((line) => line.sequence > tail.sequence);
  if (missing.length === 0) {
    segment?.syncNow();
    if (tail.sequence > store.durableSequence()) store.setDurableSequence(tail.sequence);
    merge(segmentAnchors, anchors);
    const { sequence, hash, cutBytes } = tail;
    return { sequence, hash, anchors, segmentAnchors, segment, segmentSince, tree, lost, cutBytes, replayedLines: 0 };
  }
  const writer = segment ?? SegmentWriter.create(files, path, 1);
  let { sequence, hash } = tail;
  for (const { line } of missing) {
    const text = line.toString("utf8");
    const parsed = parseLine(text.slice(0, -1));
    if (parsed === undefined || parsed.event.sequence !== sequence + 1 || parsed.event.previous !== hash || !macMatches(parsed, macKey)) {
      throw broken(sequence + 1, "the store's copy does not continue the log");
    }
    take(parsed, text);
    writer.append(line);
    sequence += 1;
    hash = parsed.hash;
  }
  writer.syncNow();
  store.setDurableSequence(sequence);
  merge(segmentAnchors, anchors);
  const { cutBytes } = tail;
  return { sequence, hash, anchors, segmentAnchors, segment: writer, segmentSince, tree, lost, cutBytes, replayedLines: missing.length };
}

function merge(from: ReadonlyMap<string, string>, into: Map<string, string>): void {
  for (const [name, digest] of from) into.set(name, digest);
}

/** The list of a finished segment: the one beside it, or one made anew, which is then left beside it. */
function listOf(files: FileLayer, segment: SegmentName, nextSequence: number, before: Before, macKey: KeyObject): AnchorList {
  const known = readAnchorList(files, segment, macKey);
  // One that ends early was made before the segment went on, or the next segment is missing; of what is gone there is no other.
  if (known !== undefined && (segment.gone !== undefined || known.lastSequence + 1 === nextSequence)) return known;
  const made = listFromSegment(files, segment, before, macKey);
  try {
    writeAnchorList(files, segment.path, made, macKey);
  } catch {
    // The next start makes it again.
  }
  return made;
}

function anchorAll(parsed: ParsedLine, anchors: Map<string, string>): void {
  for (const record of parsed.event.records ?? []) anchors.set(record.name, record.digest);
}

/**
 * Every line must continue the one before, and the last be genuine, so that all of them are what the vault wrote: the tree of
 * the list is what checkpoints are signed over.
 */
function listFromSegment(files: FileLayer, segment: SegmentName, before: Before, macKey: KeyObject): AnchorList {
  const file = files.open(segment.path, "read");
  const anchors = new Map<string, string>();
  const tree = before.tree.copy();
  let sequence = segment.firstSequence - 1;
  let last: ParsedLine | undefined;
  try {
    for (const { line, end } of readLines(file)) {
      sequence += 1;
      if (end === -1) throw broken(sequence, "the line is cut off");
      const parsed = parseLine(line);
      if (parsed?.event.sequence !== sequence || parsed.event.previous !== (last?.hash ?? before.lastHash))
        throw broken(sequence, "the line does not verify");
      last = parsed;
      tree.add(Buffer.from(parsed.hash, "hex"));
      anchorAll(parsed, anchors);
    }
    if (last === undefined) throw broken(segment.firstSequence, "the segment is empty");
    if (!macMatches(last, macKey)) throw broken(sequence, "the line does not verify");
    return { firstSequence: segment.firstSequence, lastSequence: sequence, lastHash: last.hash, tree, anchors };
  } finally {
    file.close();
  }
}

function readTail(
  files: FileLayer,
  segment: SegmentName,
  before: string,
  macKey: KeyObject,
  take: (parsed: ParsedLine, line: string) => void,
  outbox: readonly { sequence: number; line: Buffer }[],
  durableSequence: number,
): { sequence: number; hash: string; end: number; durableEnd: number; cutBytes: number } {
  const file = files.open(segment.path, "read");
  const copies = new Map(outbox.map(({ sequence, line }) => [sequence, line.toString("utf8")]));
  let sequence = segment.firstSequence - 1;
  let hash = before;
  let end = 0;
  // Where the lines begin that may be in the page cache only.
  let durableEnd = 0;
  try {
    const size = file.size();
    for (const located of readLines(file)) {
      const parsed = located.end === -1 ? undefined : parseLine(located.line);
      const good =
        parsed !== undefined && parsed.event.sequence === sequence + 1 && parsed.event.previous === hash && macMatches(parsed, macKey);
      if (!good) {
        // What a crash leaves of a line ends in zeros or in the end of the file. A whole line that is wrong was changed.
        if (sequence + 1 <= durableSequence || located.end !== -1) throw broken(sequence + 1, "the line does not verify");
        if (!copies.has(sequence + 1) && wasDurable(file, located.position, size, sequence + 1, macKey))
          throw broken(sequence + 1, "the line does not verify, and later ones do");
        return { sequence, hash, end, durableEnd, cutBytes: size - end };
      }
      const copy = copies.get(sequence + 1);
      if (copy !== undefined && copy !== `${located.line}\n`) throw broken(sequence + 1, "differs from the store's copy");
      take(parsed, `${located.line}\n`);
      sequence += 1;
      hash = parsed.hash;
      end = located.end;
      if (sequence <= durableSequence) durableEnd = end;
    }
  } finally {
    file.close();
  }
  return { sequence, hash, end, durableEnd, cutBytes: 0 };
}

/** True when a genuine event further on says that everything before its batch, this sequence number too, was durable. */
function wasDurable(file: LogFile, from: number, size: number, sequence: number, macKey: KeyObject): boolean {
  const rest = Buffer.alloc(size - from);
  file.read(rest, from);
  for (const line of rest.toString("latin1").split("\n").slice(1)) {
    const start = line.lastIndexOf("\u0000") + 1;
    const parsed = parseLine(Buffer.from(line.slice(start), "latin1").toString("utf8"));
    if (parsed !== undefined && parsed.event.batch > sequence && macMatches(parsed, macKey)) return true;
  }
  return false;
}
