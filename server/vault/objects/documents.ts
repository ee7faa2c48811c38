/**
 * Documents: what the vault keeps besides keys, such as users, policies and approvals.
 *
 * A document is a sealed record like any other: encrypted under the KEK, covered by the record MAC, anchored in the audit
 * log with each change, written in the same transaction as the event of its change. All of them are read at the unseal
 * and held in memory, so that decisions are made without the disk; their secret material is not, and is read when it is
 * needed, and so are the texts of versions of something, of which there may be thousands. What kinds there are is the table in record.ts; what a document of a kind says is its owner's business.
 *
 * @see ARCHITECTURE.md "Documents"
 */
import type { KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { Json } from "@keystead/crypto/formats/canonical-json";
import { wipe } from "@keystead/crypto/wipe";
import type { RecordWrite } from "../stores/store.ts";
import { ObjectLocks, preparedChange, type Change } from "./change.ts";
import { DOCUMENT_KINDS, SERVER_SPACE, type DocumentKind, type RecordKey } from "./record.ts";
import type { VaultedRecords } from "./vaulted-records.ts";

/** A document as it is now. */
export interface Document<T> {
  readonly id: string;
  /** Frozen through and through. */
  readonly value: T;
  /** Milliseconds since the epoch of its last change. */
  readonly time: number;
}

/** Which document. */
export interface DocumentName {
  readonly kind: DocumentKind;
  /** 1-128 letters, digits, `.`, `_`, `-`. */
  readonly id: string;
}

/** One step of a change. */
export interface DocumentWrite extends DocumentName {
  /** What it says from now on; undefined = it is removed. */
  readonly value: unknown;
  /** Its secret from now on, copied and not kept; left out = as before. */
  readonly material?: Uint8Array;
}

/** Told of a document's change once it is durable; undefined = removed. */
export type DocumentWatcher = (id: string, now: Document<unknown> | undefined) => void;

export interface DocumentsOptions {
  readonly records: VaultedRecords;
  readonly kek: () => KeyObject;
  /** The same that {@link Objects} has. */
  readonly locks: ObjectLocks;
  /** Makes writes of the vault's own accord durable, with an event of this name. */
  readonly record: (action: string, writes: readonly RecordWrite[], request?: string) => Promise<void>;
}

/** Members that are not held: whoever needs them reads the whole document again. */
const UNHELD: Readonly<Partial<Record<DocumentKind, ReadonlySet<string>>>> = Object.freeze({
  policy: new Set(["document", "statement"]),
  configuration: new Set(["document", "statement"]),
});

const ID = /^[A-Za-z0-9._-]{1,128}$/;
const PAGE = 500;

const recordKey = ({ kind, id }: DocumentName): RecordKey => ({ namespace: SERVER_SPACE, kind, id, version: 0 });

export class Documents {
  readonly #options: DocumentsOptions;
  readonly #held = new Map<DocumentKind, Map<string, Document<unknown>>>();
  readonly #watchers = new Map<DocumentKind, DocumentWatcher[]>();

  private constructor(options: DocumentsOptions) {
    this.#options = options;
    for (const kind of DOCUMENT_KINDS) this.#held.set(kind, new Map());
  }

  /**
   * Reads every document.
   *
   * @param anchors digest of every record that the log knows, by name; empty = deleted
   * @throws {HsmError} INTEGRITY_FAILURE for a document that is not as the log says, or is missing
   */
  static async open(options: DocumentsOptions, anchors: ReadonlyMap<string, string>): Promise<Documents> {
    const documents = new Documents(options);
    for (const kind of DOCUMENT_KINDS) await documents.#load(kind);
    for (const [name, digest] of anchors) {
      if (digest === "" || !name.startsWith(`${SERVER_SPACE}/`)) continue;
      const [, kind, id] = name.split("/") as [string, DocumentKind, string];
      if (documents.get(kind, id) === undefined) throw new HsmError("INTEGRITY_FAILURE", `record ${name} is missing`);
    }
    return documents;
  }

  /** The document, or undefined. */
  get<T>(kind: DocumentKind, id: string): Document<T> | undefined {
    return this.#held.get(kind)?.get(id) as Document<T> | undefined;
  }

  /** The document as it is in the store, with what is not held of it. @throws {HsmError} INTEGRITY_FAILURE */
  async read<T>(kind: DocumentKind, id: string): Promise<Document<T> | undefined> {
    const record = await this.#options.records.read<Json>(recordKey({ kind, id }), this.#options.kek());
    if (record === undefined) return undefined;
    wipe(record.material);
    return Object.freeze({ id, value: frozen(record.attributes) as T, time: record.header.time });
  }

  /** Every document of a kind, in no particular order. */
  list<T>(kind: DocumentKind): Document<T>[] {
    return [...(this.#held.get(kind)?.values() ?? [])] as Document<T>[];
  }

  /** How many there are of a kind. */
  count(kind: DocumentKind): number {
    return this.#held.get(kind)?.size ?? 0;
  }

  /** The secret of a document; the caller wipes it. @throws {HsmError} OBJECT_NOT_FOUND; INTEGRITY_FAILURE */
  async material(kind: DocumentKind, id: string): Promise<Buffer> {
    const record = await this.#options.records.read<Json>(recordKey({ kind, id }), this.#options.kek());
    if (record === undefined) throw new HsmError("OBJECT_NOT_FOUND", `there is no ${kind} ${id}`);
    return record.material;
  }

  /**
   * Prepares one change of one or several documents. They are locked until the change is settled, so what `plan` sees by
   * {@link get} is what the change is made of; `plan` may throw to refuse.
   *
   * @param about every document that the plan writes
   * @throws {HsmError} INTEGRITY_FAILURE; what the plan throws
   */
  async change(about: readonly DocumentName[], plan: () => readonly DocumentWrite[] | Promise<readonly DocumentWrite[]>): Promise<Change> {
    const releases: (() => void)[] = [];
    const release = (): void => {
      for (const free of releases) free();
    };
    try {
      const names = new Set(about.map(({ id }) => `${SERVER_SPACE}/${id}`));
      for (const name of [...names].sort()) releases.push(await this.#options.locks.acquire(name));
      const planned = await plan();
      const writes: RecordWrite[] = [];
      const applied: (() => void)[] = [];
      for (const write of planned) {
        if (!about.some(({ kind, id }) => kind === write.kind && id === write.id))
          throw new TypeError(`a change writes ${write.kind} ${write.id} without having named it`);
        const prepared = await this.#prepare(write);
        if (prepared === undefined) continue;
        writes.push(prepared.record);
        applied.push(() => this.#apply(write, prepared.now));
      }
      return preparedChange(writes, release, () => {
        for (const apply of applied) apply();
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  /** A change that the vault makes of its own accord. @param request what the event says as its request id @throws what {@link change} throws; AUDIT_UNAVAILABLE */
  async record(
    action: string,
    about: readonly DocumentName[],
    plan: () => readonly DocumentWrite[] | Promise<readonly DocumentWrite[]>,
    request?: string,
  ): Promise<void> {
    const change = await this.change(about, plan);
    try {
      if (change.writes.length > 0) await this.#options.record(action, change.writes, request);
      change.settle(true);
    } catch (error) {
      change.settle(false);
      throw error;
    }
  }

  /** Calls the watcher after each change of a document of the kind. */
  watch(kind: DocumentKind, watcher: DocumentWatcher): void {
    this.#watchers.set(kind, [...(this.#watchers.get(kind) ?? []), watcher]);
  }

  async #prepare(write: DocumentWrite): Promise<{ record: RecordWrite; now: Document<unknown> | undefined } | undefined> {
    if (!ID.test(write.id)) throw new HsmError("INVALID_REQUEST", `${write.id} cannot be the id of a ${write.kind}`);
    const { records, kek } = this.#options;
    const key = recordKey(write);
    const before = await records.read<Json>(key, kek());
    try {
      if (write.value === undefined)
        return before === undefined ? undefined : { record: records.remove(key, before.digest), now: undefined };
      // Through text, so that what is held is what would be read again.
      const value: unknown = JSON.parse(JSON.stringify(write.value));
      const record = records.write(key, value as Json, write.material ?? before?.material ?? new Uint8Array(), kek(), before);
      return { record, now: { id: write.id, value: frozen(heldPart(write.kind, value)), time: records.now() } };
    } finally {
      wipe(before?.material ?? new Uint8Array());
    }
  }

  #apply({ kind, id }: DocumentName, now: Document<unknown> | undefined): void {
    if (now === undefined) this.#held.get(kind)?.delete(id);
    else this.#held.get(kind)?.set(id, Object.freeze(now));
    for (const watcher of this.#watchers.get(kind) ?? []) watcher(id, now);
  }

  async #load(kind: DocumentKind): Promise<void> {
    const held = this.#held.get(kind) as Map<string, Document<unknown>>;
    for (let after = ""; ;) {
      const page = await this.#options.records.list<Json>(SERVER_SPACE, kind, after, PAGE, this.#options.kek());
      for (const { id, record } of page) {
        wipe(record.material);
        held.set(id, Object.freeze({ id, value: frozen(heldPart(kind, record.attributes)), time: record.header.time }));
        after = id;
      }
      if (page.length < PAGE) return;
    }
  }
}

/** What is held of a document's value. */
function heldPart(kind: DocumentKind, value: unknown): unknown {
  const unheld = UNHELD[kind];
  if (unheld === undefined || value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !unheld.has(name)));
}

/** The same value, frozen through and through. */
function frozen<T>(value: T): T {
  if (value !== null && typeof value === "object") {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}
