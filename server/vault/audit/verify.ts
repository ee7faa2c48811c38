/**
 * Re-derives the log from its files: order, chain, MACs, tree, what checkpoints say of it, and what it anchors.
 *
 * Used by the background pass after start and by `keystead audit verify`. Without the audit key (offline, vault
 * closed) the chain is checked but the MACs are not, and the report says so.
 */
import { createHash, hash, type KeyObject } from "node:crypto";
import { parseCheckpoint } from "@keystead/crypto/public/tlog/checkpoint";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { isSignedBy, NOTE_ED25519, parseNote, verifierKey } from "@keystead/crypto/public/tlog/note";
import { leafHash } from "@keystead/crypto/public/tlog/tree-hash";
import type { StoredCheckpoint } from "./checkpoint-file.ts";
import type { FileLayer } from "./file-layer.ts";
import { GENESIS, macMatches, parseLine } from "./event.ts";
import { listSegments, readLines } from "./segments.ts";

export interface LogReport {
  /** Events that verify, from the first one on. */
  readonly events: number;
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
  readonly badCheckpoint: { readonly size: number; readonly reason: string } | undefined;
}

/** Where a verification begins that does not begin at the first event. */
export interface LogStart {
  /** Tree of all events before. */
  readonly tree: Frontier;
  /** Hash of the last of them. */
  readonly head: string;
}

export interface VerifyOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject | undefined;
  /** The events before are trusted; none when left out. */
  readonly start?: LogStart;
  /** Events after this number are being written meanwhile and are left alone. Default: all. */
  readonly upTo?: number;
  /** Checkpoints in order, to be compared with the log. */
  readonly checkpoints?: Iterable<StoredCheckpoint>;
  /** Ed25519 public key that checkpoints are signed by; without it signatures are not looked at. */
  readonly checkpointKey?: KeyObject;
  /** Told the hash of each event that verifies, in order. */
  readonly onEvent?: (hash: string) => void;
  /** Called every few thousand events; returning a promise lets other work go first. */
  readonly pause?: (events: number) => Promise<void> | void;
}

const PAUSE_EVENTS = 500;

/** Verifies a log. Never throws for what it finds; the report names the first bad event. */
export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const { files, path, macKey, start } = options;
  const anchors = new Map<string, string>();
  const upTo = options.upTo ?? Infinity;
  const tree = start?.tree.copy() ?? new Frontier();
  const checks = new CheckpointChecks(options);
  let sequence = tree.size;
  let head = start?.head ?? GENESIS;
  const report = (reason?: string): LogReport => ({
    events: sequence,
    head,
    root: tree.root().toString("base64"),
    authenticated: macKey !== undefined,
    anchors,
    bad: reason === undefined ? undefined : { sequence: sequence + 1, reason },
    ...checks.report(reason === undefined ? sequence : undefined, upTo),
  });
  const segments = listSegments(files, path);
  const begin = Math.max(
    0,
    segments.findLastIndex(({ firstSequence }) => firstSequence <= sequence + 1),
  );
  for (const segment of segments.slice(begin)) {
    if (sequence >= upTo) break;
    const skipped = sequence + 1 - segment.firstSequence;
    if (skipped < 0 || (skipped > 0 && sequence !== start?.tree.size))
      return report(`the segment that should start here starts at ${segment.firstSequence}`);
    const file = files.open(segment.path, "read");
    const digest = createHash("sha512");
    let skip = skipped;
    try {
      for (const { line, end } of readLines(file)) {
        if (sequence >= upTo) break;
        if (end === -1) return report("the line is cut off");
        if (checks.wanted) digest.update(line, "utf8").update("\n");
        if (skip-- > 0) continue;
        const parsed = parseLine(line);
        if (parsed === undefined) return report("the line is not an event");
        if (parsed.event.sequence !== sequence + 1) return report(`the sequence number is ${parsed.event.sequence}`);
        if (parsed.event.previous !== head) return report("the chain is broken");
        if (macKey !== undefined && !macMatches(parsed, macKey)) return report("the MAC is wrong");
        for (const record of parsed.event.records ?? []) anchors.set(record.name, record.digest);
        sequence += 1;
        head = parsed.hash;
        tree.append(leafHash(Buffer.from(head, "hex")));
        options.onEvent?.(head);
        checks.at(sequence, tree, segment.firstSequence, digest);
        if (sequence % PAUSE_EVENTS === 0) await options.pause?.(sequence);
      }
    } finally {
      file.close();
    }
  }
  if (upTo !== Infinity && sequence < upTo) return report("the log ends here");
  return report();
}

/** Compares checkpoints with the log as it goes by. */
class CheckpointChecks {
  readonly #rest: Iterator<StoredCheckpoint> | undefined;
  readonly #key: KeyObject | undefined;
  #next: StoredCheckpoint | undefined;
  /** SHA-512 of the former one's text, where it was seen. */
  #previous: string | undefined;
  #good = 0;
  #bad: LogReport["badCheckpoint"];

  constructor({ checkpoints, checkpointKey, start }: VerifyOptions) {
    this.#rest = checkpoints?.[Symbol.iterator]();
    this.#key = checkpointKey;
    this.#advance();
    while (this.#next !== undefined && this.#next.size <= (start?.tree.size ?? 0)) this.#advance();
  }

  /** Whether digests of segments are needed. */
  get wanted(): boolean {
    return this.#next !== undefined;
  }

  /** The log has so many events. */
  at(size: number, tree: Frontier, segmentFirst: number, digest: ReturnType<typeof createHash>): void {
    while (this.#next !== undefined && this.#next.size <= size) {
      const reason = this.#next.size < size ? "it stands in the wrong place" : this.#reason(this.#next, tree, segmentFirst, digest);
      if (reason === undefined) this.#good += 1;
      else this.#bad ??= { size: this.#next.size, reason };
      this.#advance();
    }
  }

  report(size: number | undefined, upTo: number): Pick<LogReport, "checkpoints" | "badCheckpoint"> {
    // Of more events than there are: unless they were being written meanwhile.
    if (size !== undefined && this.#next !== undefined && upTo === Infinity)
      this.#bad ??= { size: this.#next.size, reason: `the log has only ${size} events` };
    return { checkpoints: this.#good, badCheckpoint: this.#bad };
  }

  #reason(
    { note, size }: StoredCheckpoint,
    tree: Frontier,
    segmentFirst: number,
    digest: ReturnType<typeof createHash>,
  ): string | undefined {
    let previous: string | undefined;
    try {
      const signed = parseNote(note);
      const checkpoint = parseCheckpoint(signed.text);
      previous = hash("sha512", signed.text, "hex");
      if (this.#key !== undefined && !isSignedBy(signed, verifierKey(checkpoint.origin, NOTE_ED25519, this.#key)))
        return "its signature is wrong";
      if (checkpoint.size !== size) return `it speaks of ${checkpoint.size} events`;
      if (!checkpoint.root.equals(tree.root())) return "its root is not the tree's";
      const segment = `segment ${segmentFirst} ${digest.copy().digest("hex")}`;
      if (checkpoint.extensions[0] !== segment) return "its segment's digest is not the segment's";
      const names = checkpoint.extensions[1];
      if (this.#previous !== undefined && names !== `previous ${this.#previous}`) return "it does not name the checkpoint before it";
      return undefined;
    } catch {
      return "it is no checkpoint";
    } finally {
      this.#previous = previous;
    }
  }

  #advance(): void {
    const step = this.#rest?.next();
    this.#next = step === undefined || step.done === true ? undefined : step.value;
  }
}
