/**
 * Re-derives the whole log from its files: order, chain, MACs, and what it anchors.
 *
 * Used by the background pass after start and by `keystead audit verify`. Without the audit key (offline, vault
 * closed) the chain is checked but the MACs are not, and the report says so.
 */
import type { KeyObject } from "node:crypto";
import type { FileLayer } from "./file-layer.ts";
import { GENESIS, macMatches, parseLine } from "./event.ts";
import { listSegments, readLines } from "./segments.ts";

export interface LogReport {
  /** Events that verify, from the first one on. */
  readonly events: number;
  /** Hash of the last event that verifies. */
  readonly head: string;
  /** The first sequence number that does not verify, and why. */
  readonly bad: { readonly sequence: number; readonly reason: string } | undefined;
  /** True when MACs were checked too. */
  readonly authenticated: boolean;
  /** Digest last recorded for each record. */
  readonly anchors: ReadonlyMap<string, string>;
}

export interface VerifyOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject | undefined;
  /** Events after this number are being written meanwhile and are left alone. Default: all. */
  readonly upTo?: number;
  /** Called every few thousand events; returning a promise lets other work go first. */
  readonly pause?: (events: number) => Promise<void> | void;
}

const PAUSE_EVENTS = 500;

/** Verifies a log. Never throws for what it finds; the report names the first bad event. */
export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const { files, path, macKey } = options;
  const anchors = new Map<string, string>();
  const upTo = options.upTo ?? Infinity;
  let sequence = 0;
  let head = GENESIS;
  const report = (reason?: string): LogReport => ({
    events: sequence,
    head,
    authenticated: macKey !== undefined,
    anchors,
    bad: reason === undefined ? undefined : { sequence: sequence + 1, reason },
  });
  for (const segment of listSegments(files, path)) {
    if (sequence >= upTo) break;
    if (segment.firstSequence !== sequence + 1) return report(`the segment that should start here starts at ${segment.firstSequence}`);
    const file = files.open(segment.path, "read");
    try {
      for (const { line, end } of readLines(file)) {
        if (sequence >= upTo) break;
        if (end === -1) return report("the line is cut off");
        const parsed = parseLine(line);
        if (parsed === undefined) return report("the line is not an event");
        if (parsed.event.sequence !== sequence + 1) return report(`the sequence number is ${parsed.event.sequence}`);
        if (parsed.event.previous !== head) return report("the chain is broken");
        if (macKey !== undefined && !macMatches(parsed, macKey)) return report("the MAC is wrong");
        for (const record of parsed.event.records ?? []) anchors.set(record.name, record.digest);
        sequence += 1;
        head = parsed.hash;
        if (sequence % PAUSE_EVENTS === 0) await options.pause?.(sequence);
      }
    } finally {
      file.close();
    }
  }
  if (upTo !== Infinity && sequence < upTo) return report("the log ends here");
  return report();
}
