/**
 * What every store can do: keep sealed records, and take records and log lines in one atomic step.
 *
 * A store sees bytes it cannot open. It judges nothing: whether a record is genuine and current is decided by
 * objects/ (MAC, seal) and audit/ (digest in the log). A key's record says in its header what it is filed under
 * (writtenIndex); every store files it so with the commit that writes it, and never otherwise. One contract suite holds all stores to this page
 * (test/contracts/store.test.ts).
 */
import type { RecordKey, RecordKind } from "../objects/record.ts";

/** One step of a change. `expected` is the digest the record must have now; undefined = it must not exist. */
export interface RecordWrite {
  readonly key: RecordKey;
  readonly expected: string | undefined;
  /** The new bytes, or undefined to delete. */
  readonly bytes: Buffer | undefined;
  /** SHA-256 of the new bytes, hexadecimal; empty for a deletion. */
  readonly digest: string;
}

/** A finished line of the audit log that is durable here until the segment is. */
export interface OutboxLine {
  readonly sequence: number;
  readonly line: Buffer;
}

export interface Store {
  /** For status: `memory`, `sqlite`, `filesystem`. */
  readonly name: string;

  /** The record's bytes, or undefined. */
  get(key: RecordKey): Promise<Buffer | undefined>;

  /** Records of one kind and namespace with id greater than `after`, in id order (bytewise), at most `limit`. */
  list(namespace: string, kind: RecordKind, after: string, limit: number): Promise<{ id: string; bytes: Buffer }[]>;

  /**
   * Keys of a namespace that are filed under every one of these entries, with id greater than `after`, in id order, at
   * most `limit`. No entries = none. A store looks first at the entry that comes first.
   */
  find(namespace: string, entries: readonly string[], after: string, limit: number): Promise<{ id: string; bytes: Buffer }[]>;

  /** Whether a key is filed under an entry: what verification passes ask, for each that its record names. */
  isFiled(namespace: string, id: string, entry: string): Promise<boolean>;

  /** Ids of all namespaces that have a namespace record, in order. */
  namespaces(): Promise<string[]>;

  /** Every record, in a stable order, for verification passes. MUST tolerate commits while it is read. */
  all(): AsyncIterable<{ key: RecordKey; bytes: Buffer }>;

  /**
   * Applies all writes and keeps all lines, or nothing; lines up to `durableSequence`, which the caller has durable
   * in a segment, are forgotten in the same step. MUST NOT return before all of it is durable (unless the operator
   * chose a weaker sync mode).
   *
   * @throws {HsmError} OBJECT_CHANGED when an `expected` does not hold: nothing was applied.
   */
  commit(writes: readonly RecordWrite[], lines: readonly OutboxLine[], durableSequence: number): void;

  /** Lines not yet known to be durable in a segment, in sequence order. */
  outbox(): OutboxLine[];

  /** The highest sequence ever told durable to this store: a log that ends before it has lost its tail. */
  durableSequence(): number;

  /** Raises {@link durableSequence} and forgets outbox lines up to it; durable when this returns. */
  setDurableSequence(sequence: number): void;

  /** The vault's header text, or undefined before a vault was made here. */
  header(): string | undefined;

  /** Keeps the header; durable when this returns. */
  setHeader(text: string): void;

  close(): void;
}
