/**
 * Re-derives the log from its files: order, chain, MACs, tree, what checkpoints say of it, and what it anchors.
 *
 * Used by the background pass after start and by `keystead audit verify`. Without the audit key (offline, vault
 * closed) the chain is checked but the MACs are not, and the report says so.
 */
import { createHash, type KeyObject } from "node:crypto";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { HsmError } from "@keystead/contract/errors";
import { eventsInLists, readAnchorList, type AnchorList } from "./anchor-list.ts";
import { CheckpointChecks, type BadCheckpoint, type CheckpointOptions } from "./checkpoint-checks.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { GENESIS, parseLine, type EventBreak } from "./event.ts";
import { lineBytes } from "./line-bytes.ts";
import { LineReader } from "./line-reader.ts";
import { purgedUpTo } from "./purge.ts";
import { listSegments, segmentPath, type SegmentName } from "./segments.ts";

export interface LogReport {
  /** Events that verify, from the first one on. */
  readonly events: number;
  /** Events of segments in an archive that is not here: followed by their lists, not read. */
  readonly unread: number;
  /** Events that were deleted for their age, counted among those not read. */
  readonly purged: number;
  /** Segments that others agreed to do without, counted among those not read. */
  readonly setAside: readonly SetAside[];
  /** Hash of the last event that verifies. */
  readonly head: string;
  /** Root of the tree over them, base64. */
  readonly root: string;
  /** The first sequence number that does not verify, and why. */
  readonly bad: { readonly sequence: number; readonly reason: string } | undefined;
  /** True when MACs were checked too. */
  readonly authenticated: boolean;
  /** Digest last recorded for each record. */
  readonly anchors: ReadonlyMap<string, string>;
  /** Checkpoints that say what the log says. */
  readonly checkpoints: number;
  /** The first checkpoint that does not, by its events, and why. */
  readonly badCheckpoint: BadCheckpoint | undefined;
  /** The lowest sequence number that does not verify, is missing, or that a checkpoint signed otherwise. */
  readonly firstBad: number | undefined;
}

/** Where a verification begins that does not begin at the first event. */
export interface LogStart {
  /** Tree of all events before. */
  readonly tree: Frontier;
  /** Hash of the last of them. */
  readonly head: string;
}

export interface VerifyOptions extends CheckpointOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject | undefined;
  /** The events before are trusted; none when left out. */
  readonly start?: LogStart;
  /** Events after this number are being written meanwhile and are left alone. Default: all. */
  readonly upTo?: number;
  /** Told the hash of each event that verifies, in order. */
  readonly onEvent?: (hash: string) => void;
  /** Told of each segment whose lines do not verify while its list leads across it; left out = the first ends the verification. */
  readonly onBreak?: (found: SegmentBreak) => void;
  /** Called every few thousand events; returning a promise lets other work go first. */
  readonly pause?: (events: number) => Promise<void> | void;
}

/** A segment whose lines do not verify while its list does, so that everything behind it can be verified. */
export interface SegmentBreak extends SetAside {
  /** The first event that does not verify. */
  readonly sequence: number;
  readonly reason: string;
}

/** A segment that is not read because it is damaged: where it lies, and what its list says. */
export interface SetAside {
  readonly path: string;
  /** Sequence numbers of its first and last event, and the hash of the last. */
  readonly first: number;
  readonly last: number;
  readonly hash: string;
}

const PAUSE_EVENTS = 500;

const PURGE = '"action":"PurgeAuditLog"';
const ACKNOWLEDGE = '"action":"AcknowledgeAuditBreak"';

/** What a genuine line says others agreed to do without. */
function acknowledgedBy(line: Buffer): readonly EventBreak[] {
  const event = parseLine(line.toString("utf8", 0, line.length - 1))?.event;
  return event?.action === "AcknowledgeAuditBreak" && event.outcome === "OK" ? (event.breaks ?? []) : [];
}

/** What a genuine line says is gone. */
function goneBy(line: Buffer): number {
  const event = parseLine(line.toString("utf8", 0, line.length - 1))?.event;
  return event?.action === "PurgeAuditLog" ? purgedUpTo(event.request) : 0;
}

/** A segment to read; undefined when it is in an archive that is not here. */
function opened(files: FileLayer, path: string): LogFile | undefined {
  try {
    return files.open(path, "read");
  } catch (error) {
    if (error instanceof HsmError && error.code === "AUDIT_UNAVAILABLE") return undefined;
    throw error;
  }
}

/** Verifies a log. Never throws for what it finds; the report names the first bad event. */
export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const { files, path, macKey, start, onBreak } = options;
  const upTo = options.upTo ?? Infinity;
  let tree = start?.tree.copy() ?? new Frontier();
  let unread = 0;
  const purged: Pick<SetAside, "first" | "last">[] = [];
  /** Last event that the log itself says is gone. */
  let saidGone = 0;
  /** Damaged segments that were crossed, and what the log itself says of such. */
  const setAside: SetAside[] = [];
  const acknowledged: EventBreak[] = [];
  const trusted = tree.size;
  const checks = new CheckpointChecks(options, trusted);
  const reader = new LineReader(macKey, trusted, start?.head ?? GENESIS);
  const report = (reason?: string): LogReport => {
    const bad = reason === undefined ? undefined : { sequence: reader.sequence + 1, reason };
    const { badEvent, ...told } = checks.end(upTo === Infinity ? reader.sequence : undefined, bad === undefined);
    return {
      events: reader.sequence,
      head: reader.head,
      root: tree.root().toString("base64"),
      authenticated: macKey !== undefined,
      unread,
      purged: purged.at(-1)?.last ?? 0,
      setAside,
      anchors: reader.anchors,
      bad,
      ...told,
      firstBad: badEvent === undefined || (bad !== undefined && bad.sequence < badEvent) ? bad?.sequence : badEvent,
    };
  };
  /** What verifies, and then an event that is gone although nobody says so. */
  const goneUnsaid = (sequence: number, reason: string): LogReport => {
    const told = report("");
    return { ...told, bad: { sequence, reason }, firstBad: Math.min(told.firstBad ?? Infinity, sequence) };
  };
  /** Goes on behind a segment that is not read. */
  const cross = (list: AnchorList): void => {
    for (const [name, recorded] of list.anchors) reader.anchors.set(name, recorded);
    unread += list.lastSequence - reader.sequence;
    reader.sequence = list.lastSequence;
    reader.head = list.lastHash;
    tree = list.tree.copy();
    checks.skip(reader.sequence);
  };
  /** The lines of a segment. @returns why one does not verify */
  const read = async (file: LogFile, segment: SegmentName, skipped: number): Promise<string | undefined> => {
    const digest = createHash("sha512");
    let skip = skipped;
    for (const { bytes, cutOff } of lineBytes(file)) {
      if (reader.sequence >= upTo) return undefined;
      if (cutOff) return "the line is cut off";
      if (checks.wanted) digest.update(bytes);
      if (skip-- > 0) continue;
      const wrong = reader.take(bytes.subarray(0, -1));
      if (wrong !== undefined) return wrong;
      tree.add(reader.entry);
      if (purged.length + setAside.length > 0 && bytes.includes(PURGE)) saidGone = Math.max(saidGone, goneBy(bytes));
      if (setAside.length > 0 && bytes.includes(ACKNOWLEDGE)) acknowledged.push(...acknowledgedBy(bytes));
      if (unread === 0) options.onEvent?.(reader.head);
      checks.at(reader.sequence, tree, segment.firstSequence, digest);
      if (reader.sequence % PAUSE_EVENTS === 0) await options.pause?.(reader.sequence);
    }
    return undefined;
  };
  /** Tells of a segment that does not verify, and goes on behind it where its list leads there. */
  const broke = (segment: Pick<SegmentName, "path" | "firstSequence">, nextFirst: number | undefined, reason: string): boolean => {
    if (onBreak === undefined || nextFirst === undefined || segment.firstSequence <= trusted) return false;
    const list = readAnchorList(files, segment, macKey);
    // A list of no event leads nowhere.
    if (list === undefined || list.lastSequence < segment.firstSequence || list.lastSequence + 1 > nextFirst) return false;
    const { path: damaged, firstSequence: first } = segment;
    onBreak({ path: damaged, first, last: list.lastSequence, hash: list.lastHash, sequence: reader.sequence + 1, reason });
    cross(list);
    return true;
  };
  try {
    const segments = listSegments(files, path);
    const begin = Math.max(
      0,
      segments.findLastIndex(({ firstSequence }) => firstSequence <= trusted + 1),
    );
    for (const [at, segment] of segments.entries()) {
      if (at < begin) continue;
      if (reader.sequence >= upTo) break;
      const { firstSequence } = segment;
      while (firstSequence > reader.sequence + 1) {
        const missing = { path: segmentPath(path, reader.sequence + 1), firstSequence: reader.sequence + 1 };
        if (!broke(missing, firstSequence, "the segment with it is missing")) break;
      }
      const skip = reader.sequence + 1 - firstSequence;
      if (skip < 0 || (skip > 0 && reader.sequence !== trusted))
        return report(`the segment that should start here starts at ${firstSequence}`);
      const nextFirst = segments[at + 1]?.firstSequence;
      const file = opened(files, segment.path);
      if (file === undefined) {
        // Its list was made under the audit key when the segment was whole: what comes after is chained to it.
        const known = (macKey === undefined && segment.gone === undefined) || skip > 0 ? undefined : readAnchorList(files, segment, macKey);
        if (known === undefined) return report(notRead(segment));
        cross(known);
        if (segment.gone === "purged") purged.push({ first: firstSequence, last: known.lastSequence });
        if (segment.gone === "damaged")
          setAside.push({ path: segment.path, first: firstSequence, last: known.lastSequence, hash: known.lastHash });
        continue;
      }
      let wrong: string | undefined;
      try {
        wrong = await read(file, segment, skip);
      } catch (error) {
        if (onBreak === undefined || !isReadError(error)) throw error;
        wrong = "its segment cannot be read";
      } finally {
        file.close();
      }
      if (wrong !== undefined && !broke(segment, nextFirst, wrong)) return report(wrong);
    }
    if (upTo !== Infinity && reader.sequence < upTo) return report("the log ends here");
    const deleted = purged.find(({ last }) => last > saidGone);
    if (deleted !== undefined) return goneUnsaid(Math.max(deleted.first, saidGone + 1), "it was deleted, and no event of the log says so");
    for (const one of setAside) {
      if (one.last <= saidGone || acknowledged.some((said) => isSame(said, one))) continue;
      const reason = "it is marked as damaged, and no event of the log says so";
      if (onBreak === undefined) return goneUnsaid(one.first, reason);
      onBreak({ ...one, sequence: one.first, reason });
    }
    const listed = upTo === Infinity && macKey !== undefined ? eventsInLists(files, path, macKey) : 0;
    return report(listed > reader.sequence ? `missing; an anchor list knows of ${listed} events` : undefined);
  } finally {
    reader.close();
  }
}

const isSame = (one: Pick<EventBreak, "first" | "last" | "hash">, other: Pick<EventBreak, "first" | "last" | "hash">): boolean =>
  one.first === other.first && one.last === other.last && one.hash === other.hash;

/** A disk that does not give what it holds. */
const isReadError = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EIO";

const notRead = ({ gone }: SegmentName): string =>
  gone === "damaged"
    ? "its segment was set aside as damaged, and no genuine list leads across it"
    : "the segment with it is in the archive, which is not here";
