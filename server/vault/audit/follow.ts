/**
 * Following the log: whoever wants to know of every event asks for the next ones, from any sequence number on.
 *
 * A follower is given durable, acknowledged lines, each once, in order, across segments and rolls, at the pace it asks for
 * them. It is asked, never called: nobody who is slow holds up the log, and what waits for it waits on the disk. Those who
 * keep up are served from memory (recent-lines.ts), others from the files (line-cursor.ts). While nobody follows, the log
 * pays nothing for it.
 *
 * Indexes, streams, sinks and alerts read the log this way. A follower never shows what may still be taken back, and never
 * a line that is not genuine.
 *
 * @see ARCHITECTURE.md "Audit log"
 */
import type { KeyObject } from "node:crypto";
import type { HsmError } from "@keystead/contract/errors";
import type { FileLayer } from "./file-layer.ts";
import { LogBreak } from "./log-break.ts";
import { LineCursor } from "./line-cursor.ts";
import { RecentLines, type FollowedLine, type WrittenBatch } from "./recent-lines.ts";

export type { FollowedLine } from "./recent-lines.ts";

export interface PullOptions {
  /** Lines at once, at most; 256 when left out. */
  readonly lines?: number;
  /** How long to wait for the first of them, in milliseconds; for ever when left out. */
  readonly waitMs?: number;
}

export interface Follower {
  /** Sequence number of the last line that was handed out. */
  readonly after: number;
  /** Sequence number of the last line that may be had now. */
  readonly upTo: number;
  /**
   * The next lines, in order. One call at a time.
   *
   * @returns at least one line; none when the wait is over; undefined when there will be no more, because the follower
   *   was cancelled, or the log was closed and all of it has been handed out
   * @throws {HsmError} INTEGRITY_FAILURE naming the first line that is missing or not genuine; AUDIT_UNAVAILABLE the log
   *   has stopped, and what can be read of it has been handed out
   */
  next(options?: PullOptions): Promise<readonly FollowedLine[] | undefined>;
  /** Ends it: a call that waits resolves with undefined. May be called more than once. */
  cancel(): void;
}

/** The log, as followers need to know it. */
export interface FollowedLog {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject;
  /** Sequence number of the last line that may be shown. */
  upTo(): number;
  /** Why the log has stopped, if it has; closed is not stopped. */
  stopped(): HsmError | undefined;
}

const PULL_LINES = 256;

/** Everybody who follows one log. */
export class Following {
  readonly #log: FollowedLog;
  readonly #recent = new RecentLines();
  readonly #followers = new Set<LogFollower>();
  #closed = false;

  constructor(log: FollowedLog) {
    this.#log = log;
  }

  /** @param after sequence number of the last line that is not wanted; 0 = from the first on */
  follow(after: number): Follower {
    if (!Number.isSafeInteger(after) || after < 0) throw new RangeError("a sequence number to follow from");
    const follower = new LogFollower(
      this.#log,
      this.#recent,
      after,
      () => this.#closed,
      () => {
        this.#followers.delete(follower);
        if (this.#followers.size === 0) this.#recent.clear();
      },
    );
    this.#followers.add(follower);
    return follower;
  }

  /** Told by the log of every batch that it acknowledges, before {@link advanced}. */
  written(batch: WrittenBatch): void {
    if (this.#followers.size > 0) this.#recent.add(batch);
  }

  /** Told by the log when more may be shown, or when it has stopped. */
  advanced(): void {
    for (const follower of this.#followers) follower.wake();
  }

  /** There will be no more lines. Followers may still read what there is. */
  close(): void {
    this.#closed = true;
    this.advanced();
  }
}

class LogFollower implements Follower {
  readonly #log: FollowedLog;
  readonly #recent: RecentLines;
  readonly #closed: () => boolean;
  readonly #left: () => void;
  #cursor: LineCursor | undefined;
  /** What was read and not handed out yet: one piece of a file, or one batch. */
  #read: readonly FollowedLine[] = [];
  #readUpTo: number;
  #pulling = false;
  #cancelled = false;
  #waking: (() => void) | undefined;
  after: number;

  constructor(log: FollowedLog, recent: RecentLines, after: number, closed: () => boolean, left: () => void) {
    this.#log = log;
    this.#recent = recent;
    this.#closed = closed;
    this.#left = left;
    this.after = after;
    this.#readUpTo = after;
  }

  get upTo(): number {
    return this.#log.upTo();
  }

  async next({ lines = PULL_LINES, waitMs }: PullOptions = {}): Promise<readonly FollowedLine[] | undefined> {
    if (this.#pulling) throw new TypeError("one call at a time");
    this.#pulling = true;
    try {
      if (this.#read.length === 0) await this.#more(waitMs);
      if (this.#cancelled) return undefined;
      const given = this.#read.slice(0, lines);
      this.#read = this.#read.slice(lines);
      this.after = given.at(-1)?.sequence ?? this.after;
      return given.length === 0 && this.#closed() ? undefined : given;
    } finally {
      this.#pulling = false;
      if (this.#cancelled) this.#end();
    }
  }

  wake(): void {
    this.#waking?.();
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#left();
    this.#waking?.();
    if (!this.#pulling) this.#end();
  }

  #end(): void {
    this.#read = [];
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  /** Reads what comes next, once it may be shown; nothing when the wait is over or there is no more. */
  async #more(waitMs: number | undefined): Promise<void> {
    const until = waitMs === undefined ? Infinity : performance.now() + waitMs;
    while (!this.#cancelled) {
      const upTo = this.#log.upTo();
      if (this.#readUpTo < upTo) return this.#readOn(upTo);
      const stopped = this.#log.stopped();
      if (stopped !== undefined) throw stopped;
      const left = until - performance.now();
      if (this.#closed() || left <= 0) return;
      await this.#woken(left);
    }
  }

  async #readOn(upTo: number): Promise<void> {
    const next = this.#readUpTo + 1;
    const recent = this.#recent.from(next, upTo);
    this.#cursor ??= new LineCursor(this.#log, this.#readUpTo);
    if (recent === undefined) {
      this.#read = await this.#cursor.read(upTo);
    } else {
      this.#read = recent.lines;
      this.#cursor.move(next + recent.lines.length, recent.lines.at(-1)?.hash as string, recent.segmentPath, recent.position);
    }
    if (this.#read.length === 0)
      // A log that stopped may have acknowledged what only the store holds; the next start brings it into the segment.
      throw this.#log.stopped() ?? new LogBreak(next, "missing");
    // Lines of a segment that others agreed to do without are not among them.
    this.#readUpTo = this.#read.at(-1)?.sequence as number;
  }

  async #woken(atMostMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waking = resolve;
      if (atMostMs !== Infinity) timer = setTimeout(resolve, Math.min(atMostMs, 2 ** 31 - 1));
    });
    clearTimeout(timer);
    this.#waking = undefined;
  }
}
