/**
 * The audit log: one chain, one writer, many waiters.
 *
 * `append` resolves when the event is durable, and with it the change it carries. Events that arrive while a batch is
 * being written form the next batch, so that many requests share one sync (group commit):
 *
 * - a batch without a change: one durable write of its lines to the segment, waiters;
 * - a batch with a change: one store transaction holds the changed records and every line of the batch; its commit is
 *   the durable point; the lines then go to the segment and the waiters go on. A later durable write covers them.
 *
 * Any failure refuses every waiter of the batch (AUDIT_UNAVAILABLE). A failed write, unless the disk is only full,
 * stops the log until the next start: after that nobody knows what the disk holds.
 *
 * Long, because the order of the steps of a batch is the guarantee and is read in one place.
 *
 * @see ARCHITECTURE.md "Audit log"
 */
import type { KeyObject } from "node:crypto";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import { PreparedHmac } from "@keystead/crypto/prepared-hmac";
import type { SyncMode } from "@keystead/contract/config";
import type { OutboxLine, RecordWrite, Store } from "../stores/store.ts";
import { recordName } from "../objects/record.ts";
import { writeAnchorList } from "./anchor-list.ts";
import { DiskPace } from "./disk-pace.ts";
import { sealEvent, type EventFields } from "./event.ts";
import { Following, type Follower } from "./follow.ts";
import { LogTree, type TreeHead } from "./log-tree.ts";
import { SEGMENT_BYTES, SegmentWriter } from "./segments.ts";
import type { FileLayer } from "./file-layer.ts";
import type { RecoveredLog } from "./recover.ts";

/** Where an event came to stand. */
export interface Receipt {
  readonly sequence: number;
  readonly hash: string;
}

/** Whether other events come soon; see {@link AuditLog.append}. */
export type Company = "none" | "some" | "patient";

interface Waiter {
  readonly fields: EventFields;
  readonly writes: readonly RecordWrite[];
  readonly company: Company;
  resolve(receipt: Receipt): void;
  reject(error: HsmError): void;
}

/** Told of what the log does, for metrics. */
export interface AuditObserver {
  /** A group commit of these events, which are acknowledged now. */
  batch(events: readonly { readonly fields: EventFields }[]): void;
  /** A durable write of the segment. */
  sync(seconds: number): void;
  /** A transaction of the store. */
  commit(seconds: number): void;
}

export interface AuditLogOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly store: Store;
  readonly macKey: KeyObject;
  readonly syncMode: SyncMode;
  /** Called once when the log has stopped for good. */
  readonly onStopped?: (error: HsmError) => void;
  readonly segmentBytes?: number;
  /** A segment ends with the first event that comes so many seconds after its first; never when left out. */
  readonly segmentSeconds?: number;
  /** The tree at the end of the recovered log; made of it, and kept nowhere, when left out. */
  readonly tree?: LogTree;
  readonly watcher?: HeadWatcher;
  /** How long patient events wait for company, in milliseconds; 2 when left out. */
  readonly companyMs?: number;
  readonly observer?: AuditObserver;
}

/** Told of what may be said about the log: each time it may ask for the log's head. */
export interface HeadWatcher {
  /** Events were acknowledged, up to this one. */
  advanced(sequence: number): void;
  /** A segment is about to end. */
  segmentEnds(): void;
  /** The log is about to be closed; it waits. */
  closing(): Promise<void>;
}

/** Events of one batch, at most. */
const BATCH_EVENTS = 4096;
/** A batch of so many is written without waiting for more. */
const GATHER_EVENTS = 32;
/** How long patient events wait for company, and how many of them are company enough. */
const COMPANY_MS = 2;
const COMPANY_EVENTS = 16;
/** In `normal` mode, and after batches with changes: how long a written line may wait for its sync. */
const LAZY_SYNC_MS = 50;
/** How often the store is told how far the log is durable: the longest tail that could be lost unnoticed. */
const WATERMARK_MS = 1_000;

export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #anchors: Map<string, string>;
  /** Those of the segment that is being written. */
  #segmentAnchors: Map<string, string>;
  readonly #mac: PreparedHmac;
  readonly #pace = new DiskPace();
  #segment: SegmentWriter;
  #sequence: number;
  #hash: string;
  #durableSequence: number;
  #waiting: Waiter[] = [];
  /** Ends the wait for company. */
  #hurry: (() => void) | undefined;
  #flushing = false;
  #stopped: HsmError | undefined;
  /** As {@link #stopped}, unless it was only closed. */
  #failed: HsmError | undefined;
  #lazySync: NodeJS.Timeout | undefined;
  readonly #watermark: NodeJS.Timeout;
  #marked = 0;
  #idle: (() => void)[] = [];
  /** Once somebody has followed. */
  #following: Following | undefined;
  readonly #tree: LogTree;
  /** When the segment that is being written was begun, in milliseconds since 1970. */
  #segmentSince: number | undefined;
  /** A batch is on its way to the disk. */
  #writing = false;
  /** Counts for metrics. */
  readonly counters = { events: 0, batches: 0 };

  /** Continues a log that {@link recoverLog} brought to a good end. */
  constructor(recovered: RecoveredLog, options: AuditLogOptions) {
    this.#options = options;
    this.#anchors = recovered.anchors;
    this.#segmentAnchors = recovered.segmentAnchors;
    this.#mac = new PreparedHmac(options.macKey);
    this.#sequence = recovered.sequence;
    this.#hash = recovered.hash;
    this.#durableSequence = recovered.sequence;
    this.#segment = recovered.segment ?? SegmentWriter.create(options.files, options.path, recovered.sequence + 1);
    this.#tree = options.tree ?? new LogTree(recovered.tree);
    this.#segmentSince = recovered.segmentSince;
    this.#watermark = setInterval(() => this.#mark(), WATERMARK_MS).unref();
  }

  /** Sequence number of the last event that is durable and acknowledged. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Digest the log last recorded for a record; empty when it was deleted, undefined when it never was there. */
  anchor(name: string): string | undefined {
    return this.#anchors.get(name);
  }

  /** Every anchored record. */
  anchors(): ReadonlyMap<string, string> {
    return this.#anchors;
  }

  /** The error that stopped the log, if it has. */
  get stopped(): HsmError | undefined {
    return this.#stopped;
  }

  /**
   * Follows the log: durable, acknowledged lines in order, in the follower's own time.
   *
   * @param after sequence number of the last line that is not wanted; 0 = from the first on
   * @throws {RangeError} when it is none
   */
  follow(after: number): Follower {
    const { files, path, macKey } = this.#options;
    this.#following ??= new Following({ files, path, macKey, upTo: () => this.#followable(), stopped: () => this.#failed });
    return this.#following.follow(after);
  }

  /**
   * Root of the tree over every event so far, all of which are on the disk.
   *
   * @returns undefined while a batch is being written, before the first event of a segment, and once the log has failed
   */
  head(): TreeHead | undefined {
    if (this.#writing || this.#failed !== undefined || this.#sequence < this.#segment.firstSequence) return undefined;
    try {
      if (this.#durableSequence < this.#sequence) this.#syncNow();
    } catch {
      return undefined;
    }
    return this.#tree.head(this.#segment.firstSequence);
  }

  /**
   * Records an event, and applies the writes it is about, together.
   *
   * @param company whether others come: an event that is `patient` may wait a little for others to be written with, for
   *   costly operations, of which many are under way and finish one by one. One that has `some` takes those that wait
   *   along at once, and those that come in the same turn. `none`: nothing else is under way that a write on the event
   *   loop could hold up.
   * @returns when both are durable as the sync mode promises
   * @throws {HsmError} AUDIT_UNAVAILABLE nothing happened, or the log has stopped; OBJECT_CHANGED the writes did not
   *   apply, which is itself recorded.
   */
  append(fields: EventFields, writes: readonly RecordWrite[] = [], company: Company = "some"): Promise<Receipt> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ fields, writes, company, resolve, reject });
      if (company !== "patient" || this.#waiting.length >= COMPANY_EVENTS) this.#hurry?.();
      if (!this.#flushing) void this.#flushAll();
    });
  }

  /** Makes everything durable and closes the segment. Appends afterwards are refused. */
  async close(): Promise<void> {
    while (this.#flushing || this.#waiting.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    clearTimeout(this.#lazySync);
    clearInterval(this.#watermark);
    this.#mac.wipe();
    const stoppedBefore = this.#stopped !== undefined;
    this.#stopped ??= new HsmError("AUDIT_UNAVAILABLE", "the audit log is closed");
    if (!stoppedBefore) {
      await this.#options.watcher?.closing();
      this.#tree.close();
      this.#segment.close();
      this.#durableSequence = this.#sequence;
      this.#options.store.setDurableSequence(this.#sequence);
    }
    this.#following?.close();
  }

  /** What followers may see: what no crash takes back, as far as the sync mode can tell. */
  #followable(): number {
    return this.#options.syncMode === "normal" ? this.#durableSequence : this.#sequence;
  }

  async #flushAll(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      await this.#gather();
      const batch = this.#waiting.length <= BATCH_EVENTS ? this.#waiting : this.#waiting.slice(0, BATCH_EVENTS);
      this.#waiting = this.#waiting.length <= BATCH_EVENTS ? [] : this.#waiting.slice(BATCH_EVENTS);
      await this.#flush(batch);
    }
    this.#flushing = false;
    for (const wake of this.#idle.splice(0)) wake();
  }

  /** Lets a batch grow while events keep coming: a durable write costs more than a turn of the event loop. */
  async #gather(): Promise<void> {
    if (isAlone(this.#waiting)) return;
    if (this.#waiting.length < COMPANY_EVENTS && this.#waiting.every(({ company }) => company === "patient")) await this.#company();
    for (let seen = 0; this.#waiting.length > seen && this.#waiting.length < GATHER_EVENTS;) {
      seen = this.#waiting.length;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async #company(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.companyMs ?? COMPANY_MS);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  async #flush(batch: readonly Waiter[]): Promise<void> {
    if (this.#stopped !== undefined) return refuse(batch, this.#stopped);
    const receipts: Receipt[] = [];
    const lines: string[] = [];
    const first = this.#sequence + 1;
    let sequence = this.#sequence;
    let hash = this.#hash;
    let changes = false;
    for (const { fields, writes } of batch) {
      const sealed = sealEvent(fields, hash, ++sequence, first, this.#mac);
      hash = sealed.hash;
      lines.push(sealed.line);
      receipts.push({ sequence, hash });
      changes ||= writes.length > 0;
    }
    const bytes = Buffer.from(lines.join(""), "utf8");
    const { path: segmentPath, bytes: position } = this.#segment;
    this.#writing = true;
    try {
      if (changes) this.#commit(batch, receipts, lines, bytes);
      else await this.#write(bytes, sequence, isAlone(batch));
    } catch (error) {
      this.#writing = false;
      if (error instanceof HsmError && error.code === "OBJECT_CHANGED") return this.#separately(batch, error);
      return refuse(batch, this.#stopped ?? unavailable(error));
    }
    this.#writing = false;
    this.#sequence = sequence;
    this.#hash = hash;
    this.#segmentSince ??= Date.now();
    this.counters.events += batch.length;
    this.counters.batches += 1;
    this.#options.observer?.batch(batch);
    for (const [index, waiter] of batch.entries()) {
      for (const write of waiter.writes) {
        const name = recordName(write.key);
        this.#anchors.set(name, write.digest);
        this.#segmentAnchors.set(name, write.digest);
      }
      waiter.resolve(receipts[index] as Receipt);
    }
    this.#following?.written({ first, lines, hashes: receipts, bytes: bytes.length, segmentPath, position });
    this.#following?.advanced();
    this.#tree.add(receipts, bytes);
    this.#options.watcher?.advanced(sequence);
    if (this.#segmentIsOver()) this.#roll();
  }

  /** Lines alone: written as durably as the mode asks for. */
  async #write(bytes: Buffer, sequence: number, alone: boolean): Promise<void> {
    const mode = this.#options.syncMode;
    const before = performance.now();
    try {
      if (mode !== "full") this.#segment.append(bytes, mode === "normal");
      else if (!this.#segment.hasRoom(bytes.length) || !this.#pace.inline(bytes.length, alone)) await this.#segment.appendDurable(bytes);
      else {
        this.#segment.appendDurableNow(bytes);
        this.#pace.wrote(performance.now() - before);
      }
    } catch (error) {
      // A full disk took nothing and can be tried again; any other failure leaves unknown what the disk holds.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw this.#stop("the audit log cannot be written", error);
      this.#retract(error);
      throw error;
    }
    if (mode === "full") {
      this.#options.observer?.sync((performance.now() - before) / 1000);
      this.#durableSequence = sequence;
    } else if (mode === "normal") {
      this.#syncLater();
    }
  }

  /** Lines and records together: the store's transaction is the durable point. */
  #commit(batch: readonly Waiter[], receipts: readonly Receipt[], lines: readonly string[], bytes: Buffer): void {
    const { store, syncMode } = this.#options;
    // The outbox must continue a durable log: lines that only the page cache holds go first.
    if (syncMode !== "full" && this.#durableSequence < this.#sequence) this.#syncNow();
    const writes = batch.flatMap((waiter) => waiter.writes);
    const outbox: OutboxLine[] = lines.map((line, index) => ({
      sequence: (receipts[index] as Receipt).sequence,
      line: Buffer.from(line, "utf8"),
    }));
    const before = performance.now();
    store.commit(writes, outbox, this.#durableSequence);
    this.#options.observer?.commit((performance.now() - before) / 1000);
    try {
      this.#segment.append(bytes, syncMode !== "none");
    } catch (error) {
      // The change and its lines are durable in the store, so the waiters go on; recovery finishes the segment.
      this.#stop("the audit log cannot be written", error);
      return;
    }
    this.#syncLater();
  }

  /** A stale `expected` in a batch: each event on its own, and the one that failed recorded as refused. */
  async #separately(batch: readonly Waiter[], error: HsmError): Promise<void> {
    if (batch.length > 1) {
      for (const waiter of batch) await this.#flush([waiter]);
      return;
    }
    const [waiter] = batch as [Waiter];
    const { records: _unapplied, ...fields } = waiter.fields;
    await this.#flush([
      {
        fields: { ...fields, decision: "refuse", outcome: error.code },
        writes: [],
        company: "some",
        resolve: () => waiter.reject(error),
        reject: waiter.reject,
      },
    ]);
  }

  /** Lines that wait in the page cache do not wait long, whether or not more events come. */
  #syncLater(): void {
    if (this.#options.syncMode === "none") return;
    this.#lazySync ??= setTimeout(() => {
      this.#lazySync = undefined;
      if (this.#stopped !== undefined) return;
      if (this.#flushing) return this.#syncLater();
      try {
        this.#syncNow();
      } catch {
        // Stopped, and everybody knows.
      }
    }, LAZY_SYNC_MS).unref();
  }

  /** Tells the store how far the log is durable. */
  #mark(): void {
    if (this.#stopped !== undefined || this.#durableSequence === this.#marked) return;
    try {
      this.#options.store.setDurableSequence(this.#durableSequence);
      this.#marked = this.#durableSequence;
    } catch {
      // The next commit or the next mark tries again; nothing depends on this one.
    }
  }

  #syncNow(): void {
    try {
      this.#segment.syncNow();
    } catch (error) {
      throw this.#stop("the audit log cannot be made durable", error);
    }
    this.#durableSequence = this.#sequence;
    this.#following?.advanced();
  }

  #segmentIsOver(): boolean {
    const { segmentBytes = SEGMENT_BYTES, segmentSeconds = Infinity } = this.#options;
    return this.#segment.bytes >= segmentBytes || Date.now() - (this.#segmentSince ?? Infinity) >= segmentSeconds * 1000;
  }

  #roll(): void {
    if (this.#failed !== undefined) return;
    this.#options.watcher?.segmentEnds();
    const { path, firstSequence } = this.#segment;
    try {
      this.#segment = this.#segment.roll(this.#sequence + 1);
      this.#durableSequence = this.#sequence;
      this.#following?.advanced();
      // So that a missing segment is missed.
      this.#mark();
    } catch (error) {
      this.#stop("a new audit segment cannot be started", error);
      return;
    }
    const anchors = this.#segmentAnchors;
    this.#segmentAnchors = new Map();
    this.#segmentSince = undefined;
    this.#tree.beginSegment();
    try {
      const list = { firstSequence, lastSequence: this.#sequence, lastHash: this.#hash, tree: this.#tree.frontier(), anchors };
      writeAnchorList(this.#options.files, path, list, this.#options.macKey);
    } catch {
      // The next start makes it from the segment.
    }
  }

  /** After a write that failed halfway: back to the last good length, or stop. */
  #retract(cause: unknown): void {
    try {
      this.#segment.retract();
    } catch {
      this.#stop("the audit log cannot be brought back to a good end", cause);
    }
  }

  #stop(detail: string, cause: unknown): HsmError {
    if (this.#stopped === undefined) {
      this.#stopped = new HsmError("AUDIT_UNAVAILABLE", `${detail}; restart the vault`, { cause });
      this.#failed = this.#stopped;
      this.#options.onStopped?.(this.#stopped);
      this.#following?.advanced();
    }
    return this.#stopped;
  }
}

const isAlone = (waiting: readonly Waiter[]): boolean => waiting.length === 1 && waiting[0]?.company === "none";

function unavailable(error: unknown): HsmError {
  const known = asHsmError(error);
  return known.code === "INTERNAL"
    ? new HsmError("AUDIT_UNAVAILABLE", "the audit log cannot be written", { cause: error, retryAfterSeconds: 5 })
    : known;
}

function refuse(batch: readonly Waiter[], error: HsmError): void {
  for (const waiter of batch) waiter.reject(error);
}
