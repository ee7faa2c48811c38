/**
 * Re-derives the log from its files: order, chain, MACs, tree, what checkpoints say of it, and what it anchors.
 *
 * Used by the background pass after start and by `keystead audit verify`. Without the audit key (offline, vault
 * closed) the chain is checked but the MACs are not, and the report says so.
 */
import { createHash, type KeyObject } from "node:crypto";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { HsmError } from "@keystead/contract/errors";
import { eventsInLists, readAnchorList } from "./anchor-list.ts";
import { CheckpointChecks, type BadCheckpoint, type CheckpointOptions } from "./checkpoint-checks.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { GENESIS, parseLine } from "./event.ts";
import { lineBytes } from "./line-bytes.ts";
import { LineReader } from "./line-reader.ts";
import { purgedUpTo } from "./purge.ts";
import { listSegments } from "./segments.ts";

export interface LogReport {
  /** Events that verify, from the first one on. */
  readonly events: number;
  /** Events of segments in an archive that is not here: followed by their lists, not read. */
  readonly unread: number;
  /** Events that were deleted for their age, counted among those not read. */
  readonly purged: number;
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
  /** Called every few thousand events; returning a promise lets other work go first. */
  readonly pause?: (events: number) => Promise<void> | void;
}

const PAUSE_EVENTS = 500;

const PURGE = '"action":"PurgeAuditLog"';

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
  const { files, path, macKey, start } = options;
  const upTo = options.upTo ?? Infinity;
  let tree = start?.tree.copy() ?? new Frontier();
  let unread = 0;
  let purged = 0;
  /** Last event that the log itself says is gone. */
  let saidGone = 0;
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
      purged,
      anchors: reader.anchors,
      bad,
      ...told,
      firstBad: badEvent === undefined || (bad !== undefined && bad.sequence < badEvent) ? bad?.sequence : badEvent,
    };
  };
  try {
    const segments = listSegments(files, path);
    const begin = Math.max(
      0,
      segments.findLastIndex(({ firstSequence }) => firstSequence <= trusted + 1),
    );
    for (const segment of segments.slice(begin)) {
      if (reader.sequence >= upTo) break;
      let skip = reader.sequence + 1 - segment.firstSequence;
      if (skip < 0 || (skip > 0 && reader.sequence !== trusted))
        return report(`the segment that should start here starts at ${segment.firstSequence}`);
      const file = opened(files, segment.path);
      if (file === undefined) {
        // Its list was made under the audit key when the segment was whole: what comes after is chained to it.
        const list = macKey === undefined || skip > 0 ? undefined : readAnchorList(files, segment, macKey);
        if (list === undefined) return report("the segment with it is in the archive, which is not here");
        for (const [name, recorded] of list.anchors) reader.anchors.set(name, recorded);
        reader.sequence = list.lastSequence;
        reader.head = list.lastHash;
        tree = list.tree.copy();
        unread += list.lastSequence - list.firstSequence + 1;
        if (segment.purged) purged = list.lastSequence;
        checks.skip(reader.sequence);
        continue;
      }
      const digest = createHash("sha512");
      try {
        for (const { bytes, cutOff } of lineBytes(file)) {
          if (reader.sequence >= upTo) break;
          if (cutOff) return report("the line is cut off");
          if (checks.wanted) digest.update(bytes);
          if (skip-- > 0) continue;
          const wrong = reader.take(bytes.subarray(0, -1));
          if (wrong !== undefined) return report(wrong);
          tree.add(reader.entry);
          if (purged > saidGone && bytes.includes(PURGE)) saidGone = Math.max(saidGone, goneBy(bytes));
          if (unread === 0) options.onEvent?.(reader.head);
          checks.at(reader.sequence, tree, segment.firstSequence, digest);
          if (reader.sequence % PAUSE_EVENTS === 0) await options.pause?.(reader.sequence);
        }
      } finally {
        file.close();
      }
    }
    if (upTo !== Infinity && reader.sequence < upTo) return report("the log ends here");
    if (purged > saidGone) {
      const told = report("");
      const bad = { sequence: saidGone + 1, reason: "it was deleted, and no event of the log says so" };
      return { ...told, bad, firstBad: Math.min(told.firstBad ?? Infinity, bad.sequence) };
    }
    const listed = upTo === Infinity && macKey !== undefined ? eventsInLists(files, path, macKey) : 0;
    return report(listed > reader.sequence ? `missing; an anchor list knows of ${listed} events` : undefined);
  } finally {
    reader.close();
  }
}
