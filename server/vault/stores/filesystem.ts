/**
 * The store of plain files: one JSON file per sealed record, for people who want to see, copy and diff what they keep.
 *
 * A commit is one durable line in a journal (journal.ts); the files follow within a second or so ("settling"), each
 * written aside, renamed and made durable together with its folder. Until then the new bytes are in memory and in the
 * journal, where reading finds them first. After a crash the journal is read again. A journal is removed when all that
 * it says is in its files.
 *
 *      ns/…           the records (record-paths.ts)
 *      wal/NNNNNNNN   the journals
 *      vault.json     the vault header
 *
 * Ids of every namespace are kept in memory, sorted, so that a listing reads only the files of its page; so is what keys
 * are filed under, which is known of a record once it was written or read, and of all of them after the first search.
 * Meant for up to about a hundred thousand keys; SQLite is for more. This file must never look into a record.
 *
 * Long, because commit, settling and recovery are three sides of one promise and are read together.
 *
 * @see ARCHITECTURE.md "Data at rest"
 */
import { join } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { parseRecordName, recordDigest, recordName, type RecordKey } from "../objects/record.ts";
import { EntryIndex } from "./entry-index.ts";
import { encodeEntry, readJournal, type JournalEntry } from "./journal.ts";
import { RecordFiles } from "./record-files.ts";
import { SortedIds } from "./sorted-ids.ts";
import { systemStoreFiles, type JournalFile, type StoreFiles } from "./store-files.ts";
import type { OutboxLine, RecordWrite, Store } from "./store.ts";

export interface FilesystemStoreOptions {
  /** The data folder. */
  readonly folder: string;
  /** false: the operating system decides when anything reaches the disk. */
  readonly durable: boolean;
  /** Told when files cannot be written; the journal keeps what they lack, and it is tried again. */
  readonly onTrouble?: (error: unknown) => void;
  readonly files?: StoreFiles;
  /** Milliseconds from a commit to the settling of its files; undefined = only when {@link FilesystemStore.settle} is called. */
  readonly settleAfterMs?: number | undefined;
}

export interface FilesystemStore extends Store {
  /** Brings every file up to date, now. @throws what the disk throws; nothing is lost by it */
  settle(): void;
}

/** What a record is to become: bytes, or undefined for nothing. */
type Changes = Map<string, { readonly key: RecordKey; readonly bytes: Buffer | undefined }>;

const JOURNAL = /^\d{8,15}$/;
const HEADER_FILE = "vault.json";
const RETRY_MS = 5_000;
/** A journal that says only how far the audit log is durable is begun anew at this length. */
const JOURNAL_BYTES = 1024 * 1024;
/** Folders are settled one after the other, with this many times as long in between, for requests. */
const BREATHER = 3;
/** Records read for the index before others have their turn. */
const FILED_AT_ONCE = 50;
/** With more records than this waiting, settling takes no breath: memory is worth more then. */
const MOST_WAITING = 50_000;

/** Opens the store of a folder, making it when it is missing. @throws {HsmError} INTEGRITY_FAILURE */
export function filesystemStore(options: FilesystemStoreOptions): FilesystemStore {
  return new Filesystem(options, options.files ?? systemStoreFiles);
}

class Filesystem implements FilesystemStore {
  readonly name = "filesystem";
  readonly #options: FilesystemStoreOptions;
  readonly #layer: StoreFiles;
  readonly #records: RecordFiles;
  readonly #ids: SortedIds;
  readonly #index = new EntryIndex();
  /** Namespaces whose index is complete, or is being completed. */
  readonly #filing = new Map<string, Promise<void>>();
  /** Committed, in the open journal, not being settled. */
  #waiting: Changes = new Map();
  /** Being settled; in journals up to #oldJournals. */
  #settling: Changes = new Map();
  #oldJournals: number[] = [];
  #journal: JournalFile;
  #journalNumber: number;
  #journalEnd = 0;
  #outbox = new Map<number, Buffer>();
  #durable = 0;
  #header: string | undefined;
  #headerSettled: boolean;
  #stopped: HsmError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #steps: Generator<void> | undefined;

  constructor(options: FilesystemStoreOptions, layer: StoreFiles) {
    this.#options = options;
    this.#layer = layer;
    for (const folder of ["ns", "wal"]) layer.makeFolder(join(options.folder, folder));
    if (options.durable) layer.syncFolder(options.folder);
    this.#records = new RecordFiles(options.folder, layer, options.durable);
    this.#header = layer.read(join(options.folder, HEADER_FILE))?.toString("utf8");
    this.#headerSettled = true;
    const found = readJournals(options.folder, layer);
    for (const entry of found.entries) this.#take(entry, this.#settling);
    this.#oldJournals = found.numbers;
    this.#ids = new SortedIds(this.#records.scan());
    for (const { key, bytes } of this.#settling.values())
      this.#ids.note(key, bytes !== undefined, () => this.#keysOf(key.namespace, key.id).some((other) => this.#has(other)));
    this.#journalNumber = found.last + 1;
    this.#journal = this.#begin(this.#journalNumber);
    if (this.#settling.size > 0 || this.#oldJournals.length > 0) this.#settleSoon(0);
  }

  get(key: RecordKey): Promise<Buffer | undefined> {
    // An async function, so that what cannot be read is a rejection.
    return Promise.resolve().then(() => this.#read(key));
  }

  async list(namespace: string, kind: RecordKey["kind"], after: string, limit: number): Promise<{ id: string; bytes: Buffer }[]> {
    const rows: { id: string; bytes: Buffer }[] = [];
    if (kind === "namespace") return rows;
    for (const id of this.#ids.after(namespace, after)) {
      if (rows.length >= limit) break;
      for (const { key, bytes } of this.#readable([{ namespace, kind, id, version: 0 }])) {
        if (!this.#index.knows(namespace, id)) this.#index.note(key, bytes);
        rows.push({ id, bytes });
      }
    }
    return rows;
  }

  async find(namespace: string, entries: readonly string[], after: string, limit: number): Promise<{ id: string; bytes: Buffer }[]> {
    await this.#filed(namespace);
    const ids = this.#index.find(namespace, entries, after, limit);
    return [...this.#readable(ids.map((id) => ({ namespace, kind: "key", id, version: 0 })))].map(({ key, bytes }) => ({
      id: key.id,
      bytes,
    }));
  }

  async isFiled(namespace: string, id: string, entry: string): Promise<boolean> {
    await this.#filed(namespace);
    return this.#index.isFiled(namespace, id, entry);
  }

  async namespaces(): Promise<string[]> {
    return this.#ids.namespaces().filter((namespace) => this.#has({ namespace, kind: "namespace", id: "", version: 0 }));
  }

  async *all(): AsyncGenerator<{ key: RecordKey; bytes: Buffer }> {
    for (const namespace of this.#ids.namespaces()) {
      yield* this.#readable([{ namespace, kind: "namespace", id: "", version: 0 }]);
      for (const id of this.#ids.after(namespace, "")) yield* this.#readable(this.#keysOf(namespace, id));
    }
  }

  commit(writes: readonly RecordWrite[], lines: readonly OutboxLine[], durableSequence: number): void {
    this.#requireSound();
    // Each write sees those before it in the same commit; nothing is kept until all of them hold.
    const changed: Changes = new Map();
    for (const { key, expected, bytes } of writes) {
      const name = recordName(key);
      const now = changed.has(name) ? changed.get(name)?.bytes : this.#read(key);
      if ((now === undefined ? undefined : recordDigest(now)) !== expected)
        throw new HsmError("OBJECT_CHANGED", `record ${name} was changed meanwhile`);
      changed.set(name, { key, bytes: bytes === undefined ? undefined : Buffer.from(bytes) });
    }
    const durable = Math.max(this.#durable, durableSequence);
    const fresh = new Set<number>();
    for (const { sequence } of lines) {
      if (fresh.has(sequence) || (sequence > durable && this.#outbox.has(sequence)))
        throw new TypeError(`audit line ${sequence} is in the outbox already`);
      fresh.add(sequence);
    }
    const entry: JournalEntry = {
      ...(changed.size === 0
        ? {}
        : { writes: [...changed].map(([name, { bytes }]) => [name, bytes?.toString("base64") ?? null] as const) }),
      ...(lines.length === 0 ? {} : { lines: lines.map(({ sequence, line }) => [sequence, line.toString("base64")] as const) }),
      durable,
    };
    this.#append(entry);
    this.#take(entry, this.#waiting);
    for (const { key, bytes } of changed.values()) {
      this.#ids.note(key, bytes !== undefined, () => this.#keysOf(key.namespace, key.id).some((other) => this.#has(other)));
      this.#index.note(key, bytes);
    }
    if (changed.size > 0) this.#settleSoon(this.#options.settleAfterMs);
  }

  outbox(): OutboxLine[] {
    return [...this.#outbox].sort(([a], [b]) => a - b).map(([sequence, line]) => ({ sequence, line }));
  }

  durableSequence(): number {
    return this.#durable;
  }

  setDurableSequence(sequence: number): void {
    if (sequence > this.#durable || this.#outbox.size > 0) this.#record({ durable: Math.max(sequence, this.#durable) });
  }

  header(): string | undefined {
    return this.#header;
  }

  setHeader(text: string): void {
    this.#record({ header: text });
  }

  settle(): void {
    this.#steps = undefined;
    for (const _ of this.#settleSteps()) {
      // One folder after the other, without a breath.
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    // What is not settled is in the journals, and is taken from there at the next start.
    if (this.#stopped === undefined) this.#journal.close();
    this.#stopped = new HsmError("PROVIDER_UNAVAILABLE", "the key store is closed");
  }

  /** One entry, durably, and what it says is so from now on. */
  #record(entry: JournalEntry): void {
    this.#requireSound();
    this.#append(entry);
    this.#take(entry, this.#waiting);
    if (!this.#headerSettled || this.#journalEnd > JOURNAL_BYTES) this.#settleSoon(this.#options.settleAfterMs);
  }

  /** Makes the index of a namespace complete: reads what nobody has read or written so far, requests in between. */
  #filed(namespace: string): Promise<void> {
    let filing = this.#filing.get(namespace);
    if (filing === undefined) {
      filing = (async () => {
        let read = 0;
        for (const id of this.#ids.after(namespace, "")) {
          if (this.#index.knows(namespace, id)) continue;
          for (const { key, bytes } of this.#readable([{ namespace, kind: "key", id, version: 0 }])) this.#index.note(key, bytes);
          if ((read += 1) % FILED_AT_ONCE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
        }
      })();
      this.#filing.set(namespace, filing);
    }
    return filing;
  }

  #requireSound(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  #has(key: RecordKey): boolean {
    const name = recordName(key);
    const change = this.#waiting.get(name) ?? this.#settling.get(name);
    return change === undefined ? this.#records.has(key) : change.bytes !== undefined;
  }

  #read(key: RecordKey): Buffer | undefined {
    const name = recordName(key);
    const change = this.#waiting.get(name) ?? this.#settling.get(name);
    return change === undefined ? this.#records.read(key) : change.bytes;
  }

  /** Every record of an id, the key's own first, then versions in order. */
  #keysOf(namespace: string, id: string): RecordKey[] {
    const names = new Map(this.#records.keysOf(namespace, id).map((key) => [recordName(key), key]));
    for (const changes of [this.#settling, this.#waiting])
      for (const [name, { key }] of changes) if (key.namespace === namespace && key.id === id) names.set(name, key);
    return [...names.values()].sort((a, b) => (a.kind === b.kind ? a.version - b.version : a.kind < b.kind ? -1 : 1));
  }

  /** Those that are there. A file that cannot be read is given as no bytes, so that it is named as wrong. */
  *#readable(keys: readonly RecordKey[]): Generator<{ key: RecordKey; bytes: Buffer }> {
    for (const key of keys) {
      let bytes: Buffer | undefined;
      try {
        bytes = this.#read(key);
      } catch {
        bytes = Buffer.alloc(0);
      }
      if (bytes !== undefined) yield { key, bytes };
    }
  }

  /** Makes an entry durable at the end of the journal, or throws and leaves the journal as it was. */
  #append(entry: JournalEntry): void {
    const bytes = encodeEntry(entry);
    try {
      this.#journal.write(bytes, this.#journalEnd, this.#options.durable);
    } catch (error) {
      // A full disk took nothing that counts. After any other failure nobody knows what the disk holds.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw this.#stop(error);
      try {
        this.#journal.truncate(this.#journalEnd);
      } catch (again) {
        throw this.#stop(again);
      }
      throw error;
    }
    this.#journalEnd += bytes.length;
  }

  #stop(cause: unknown): HsmError {
    this.#stopped ??= new HsmError("PROVIDER_UNAVAILABLE", "the key store cannot be written; restart the vault", { cause });
    return this.#stopped;
  }

  /** What an entry says is so. */
  #take({ begins, writes = [], lines = [], durable, header }: JournalEntry, changes: Changes): void {
    if (begins === true) this.#outbox.clear();
    for (const [name, bytes] of writes) {
      const key = parseRecordName(name);
      if (key === undefined) throw new HsmError("INTEGRITY_FAILURE", "the key store's journal is damaged");
      changes.set(name, { key, bytes: bytes === null ? undefined : Buffer.from(bytes, "base64") });
    }
    if (durable !== undefined) {
      this.#durable = Math.max(this.#durable, durable);
      for (const sequence of this.#outbox.keys()) if (sequence <= this.#durable) this.#outbox.delete(sequence);
    }
    for (const [sequence, line] of lines) this.#outbox.set(sequence, Buffer.from(line, "base64"));
    if (header !== undefined && header !== this.#header) {
      this.#header = header;
      this.#headerSettled = false;
    }
  }

  /** Starts a journal that says all that earlier ones said and files do not. */
  #begin(number: number): JournalFile {
    const folder = join(this.#options.folder, "wal");
    const journal = this.#layer.journal(join(folder, journalName(number)));
    const first = encodeEntry({
      begins: true,
      lines: this.outbox().map(({ sequence, line }) => [sequence, line.toString("base64")] as const),
      durable: this.#durable,
      ...(this.#header === undefined ? {} : { header: this.#header }),
    });
    journal.write(first, 0, this.#options.durable);
    if (this.#options.durable) this.#layer.syncFolder(folder);
    this.#journalEnd = first.length;
    return journal;
  }

  #settleSoon(afterMs: number | undefined): void {
    if (afterMs === undefined || this.#options.settleAfterMs === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const before = performance.now();
      try {
        this.#steps ??= this.#settleSteps();
        const done = this.#steps.next().done === true;
        if (done) this.#steps = undefined;
        const backlog = this.#waiting.size + this.#settling.size;
        if (backlog > 0)
          this.#settleSoon(done ? this.#options.settleAfterMs : backlog > MOST_WAITING ? 0 : (performance.now() - before) * BREATHER);
      } catch (error) {
        this.#steps = undefined;
        if (this.#stopped !== undefined) return;
        this.#options.onTrouble?.(error);
        this.#settleSoon(RETRY_MS);
      }
    }, afterMs);
    this.#timer.unref();
  }

  /** Brings files up to date with what was committed before the first step, a folder at each step. */
  *#settleSteps(): Generator<void> {
    this.#requireSound();
    if (this.#settling.size === 0 && this.#oldJournals.length === 0) {
      if (this.#waiting.size === 0 && this.#headerSettled && this.#journalEnd <= JOURNAL_BYTES) return;
      const next = this.#begin(this.#journalNumber + 1);
      this.#journal.close();
      this.#oldJournals = [this.#journalNumber];
      this.#journal = next;
      this.#journalNumber += 1;
      this.#settling = this.#waiting;
      this.#waiting = new Map();
    }
    const header = this.#header;
    for (const _ of this.#records.settle(this.#settling.values())) {
      yield;
      this.#requireSound();
    }
    if (!this.#headerSettled && header !== undefined) {
      this.#records.replace(this.#options.folder, HEADER_FILE, Buffer.from(header, "utf8"));
      if (this.#options.durable) this.#layer.syncFolder(this.#options.folder);
    }
    // From here on the old journals count for nothing, so that a crash may meet them half removed.
    this.#append({ settled: Math.max(...this.#oldJournals) });
    if (header === this.#header) this.#headerSettled = true;
    this.#settling = new Map();
    const old = this.#oldJournals;
    this.#oldJournals = [];
    for (const number of old) this.#layer.remove(join(this.#options.folder, "wal", journalName(number)));
  }
}

const journalName = (number: number): string => String(number).padStart(8, "0");

/** The entries that may not be in files yet, oldest first, and the journals that hold them. */
function readJournals(folder: string, layer: StoreFiles): { entries: JournalEntry[]; numbers: number[]; last: number } {
  const numbers = layer
    .list(join(folder, "wal"))
    .filter((name) => JOURNAL.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  const read = numbers.map((number) => layer.read(join(folder, "wal", journalName(number))) ?? Buffer.alloc(0));
  let settled = 0;
  const found: (readonly JournalEntry[])[] = [];
  // The newest first: it says which of the others still count.
  for (let at = numbers.length - 1; at >= 0; at -= 1) {
    if ((numbers[at] as number) <= settled) continue;
    const { entries } = readJournal(read[at] as Buffer);
    // A crash while it was begun: nothing was written to it yet.
    if (entries[0]?.begins !== true) continue;
    for (const entry of entries) settled = Math.max(settled, entry.settled ?? 0);
    found.unshift(entries);
  }
  return { entries: found.flat(), numbers, last: numbers.at(-1) ?? 0 };
}

/** The store of a folder for reading alone: nothing is made or changed. */
export function filesystemReader(
  folder: string,
  layer: StoreFiles = systemStoreFiles,
): Pick<Store, "all" | "get" | "isFiled" | "header" | "durableSequence" | "outbox" | "close"> {
  const nothing = (): void => undefined;
  // A store over a layer that takes every write and keeps none.
  const seen = filesystemStore({
    folder,
    durable: false,
    files: {
      ...layer,
      write: nothing,
      journal: () => ({ write: nothing, truncate: nothing, close: nothing }),
      rename: nothing,
      remove: nothing,
      makeFolder: nothing,
      removeFolder: nothing,
      syncFolder: nothing,
    },
  });
  const records = new RecordFiles(folder, layer, false);
  return {
    all: () => seen.all(),
    isFiled: (...asked) => seen.isFiled(...asked),
    header: () => seen.header(),
    durableSequence: () => seen.durableSequence(),
    outbox: () => seen.outbox(),
    close: () => seen.close(),
    // As it is now: the vault may be working in the folder.
    async get(key) {
      const writes = readJournals(folder, layer).entries.flatMap((entry) => entry.writes ?? []);
      const last = writes.findLast(([name]) => name === recordName(key));
      if (last === undefined) return records.read(key);
      return last[1] === null ? undefined : Buffer.from(last[1], "base64");
    },
  };
}
