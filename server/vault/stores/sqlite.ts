/**
 * The default store: one SQLite database, write-ahead log, synchronous FULL.
 *
 * `node:sqlite` is not held by Node's file permissions, so the database is opened without ATTACH, without
 * extensions and in defensive mode; what keeps the vault's uid out of other files is the operating system
 * (SECURITY.md). Digests are stored beside the bytes so that compare-and-set needs no hashing inside the
 * transaction; they prove nothing and are never trusted for integrity.
 *
 * @see https://sqlite.org/wal.html; ARCHITECTURE.md "Audit log"
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HsmError } from "@keystead/contract/errors";
import { recordName, writtenIndex, type RecordKey, type RecordKind } from "../objects/record.ts";
import type { OutboxLine, RecordWrite, Store } from "./store.ts";

export interface SqliteStoreOptions {
  readonly path: string;
  /** Write-ahead log (default) or rollback journal. */
  readonly wal: boolean;
  readonly syncMode: "full" | "normal" | "none";
}

const SYNCHRONOUS = Object.freeze({ full: "FULL", normal: "NORMAL", none: "OFF" });

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS records (
    namespace TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    digest TEXT NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (namespace, kind, version, id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS attribute_index (
    namespace TEXT NOT NULL, entry TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (namespace, entry, id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS audit_outbox (sequence INTEGER PRIMARY KEY, line BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS header (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL) STRICT;
`;

const FILE = "INSERT OR IGNORE INTO attribute_index (namespace, entry, id) VALUES (?, ?, ?)";
const UNFILE = "DELETE FROM attribute_index WHERE namespace = ? AND entry = ? AND id = ?";
const IS_FILED = "SELECT 1 FROM attribute_index WHERE namespace = ? AND entry = ? AND id = ?";
/** Walks along the first entry in id order; CROSS JOIN keeps SQLite to that order. */
const search = (others: number): string =>
  `SELECT records.id AS id, records.bytes AS bytes FROM attribute_index AS first CROSS JOIN records
   ON records.namespace = first.namespace AND records.kind = 'key' AND records.version = 0 AND records.id = first.id
   WHERE first.namespace = ? AND first.entry = ? AND first.id > ?${` AND EXISTS (
     SELECT 1 FROM attribute_index AS other WHERE other.namespace = first.namespace AND other.entry = ? AND other.id = first.id)`.repeat(
     others,
   )}
   ORDER BY first.id LIMIT ?`;

/** Opens the database, making it when it is missing. @throws {HsmError} INTEGRITY_FAILURE when it is no database. */
export function sqliteStore(options: SqliteStoreOptions): Store {
  return contractOf(open(options));
}

/** The contract over an open database. */
function contractOf(database: DatabaseSync): Store {
  const select = database.prepare("SELECT bytes FROM records WHERE namespace = ? AND kind = ? AND version = ? AND id = ?");
  const selectDigest = database.prepare("SELECT digest FROM records WHERE namespace = ? AND kind = ? AND version = ? AND id = ?");
  const page = database.prepare(
    "SELECT id, bytes FROM records WHERE namespace = ? AND kind = ? AND version = 0 AND id > ? ORDER BY id LIMIT ?",
  );
  const upsert = database.prepare(
    "INSERT INTO records (namespace, kind, version, id, digest, bytes) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes",
  );
  const remove = database.prepare("DELETE FROM records WHERE namespace = ? AND kind = ? AND version = ? AND id = ?");
  const enqueue = database.prepare("INSERT INTO audit_outbox (sequence, line) VALUES (?, ?)");
  const dequeue = database.prepare("DELETE FROM audit_outbox WHERE sequence <= ?");
  const raise = database.prepare(
    "INSERT INTO facts (name, value) VALUES ('durable_sequence', ?) ON CONFLICT DO UPDATE SET value = MAX(value, excluded.value)",
  );
  const following = database.prepare(
    "SELECT namespace, kind, version, id, bytes FROM records WHERE (namespace, kind, version, id) > (?, ?, ?, ?) ORDER BY namespace, kind, version, id LIMIT 500",
  );
  const position = (key: RecordKey): [string, string, number, string] => [key.namespace, key.kind, key.version, key.id];
  const bytesOf = (row: unknown): Buffer | undefined => {
    const bytes = (row as { bytes: Uint8Array } | undefined)?.bytes;
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };

  /** The record as it is and as it will be: what it is filed under goes with it. */
  function file(key: RecordKey, bytes: Buffer | undefined, exists: boolean): void {
    const { namespace, id } = key;
    const before = exists ? writtenIndex(bytesOf(select.get(...position(key)))) : [];
    const after = writtenIndex(bytes);
    for (const entry of before) if (!after.includes(entry)) statement(database, UNFILE).run(namespace, entry, id);
    for (const entry of after) if (!before.includes(entry)) statement(database, FILE).run(namespace, entry, id);
  }

  function apply({ key, expected, bytes, digest }: RecordWrite): void {
    const now = (selectDigest.get(...position(key)) as { digest: string } | undefined)?.digest;
    if (now !== expected) throw new HsmError("OBJECT_CHANGED", `record ${recordName(key)} was changed meanwhile`);
    if (key.kind === "key") file(key, bytes, now !== undefined);
    if (bytes === undefined) remove.run(...position(key));
    else upsert.run(...position(key), digest, bytes);
  }

  return {
    name: "sqlite",
    get: (key) => Promise.resolve(bytesOf(select.get(...position(key)))),
    list: (namespace, kind, after, limit) =>
      Promise.resolve(
        page.all(namespace, kind, after, limit).map((row) => ({ id: (row as { id: string }).id, bytes: bytesOf(row) as Buffer })),
      ),
    find: (namespace, entries, after, limit) => {
      const [first, ...others] = entries;
      if (first === undefined) return Promise.resolve([]);
      const rows = statement(database, search(others.length)).all(namespace, first, after, ...others, limit);
      return Promise.resolve(rows.map((row) => ({ id: (row as { id: string }).id, bytes: bytesOf(row) as Buffer })));
    },
    isFiled: (namespace, id, entry) => Promise.resolve(statement(database, IS_FILED).get(namespace, entry, id) !== undefined),
    namespaces: () =>
      Promise.resolve(
        database
          .prepare("SELECT namespace FROM records WHERE kind = 'namespace' ORDER BY namespace")
          .all()
          .map((row) => (row as { namespace: string }).namespace),
      ),
    async *all() {
      let last: [string, string, number, string] = ["", "", -1, ""];
      for (;;) {
        const rows = following.all(...last);
        if (rows.length === 0) return;
        for (const row of rows) {
          const { namespace, kind, version, id } = row as { namespace: string; kind: RecordKind; version: number; id: string };
          // A damaged tree can hand out the same rows for ever.
          if (!follows([namespace, kind, version, id], last))
            throw new HsmError("INTEGRITY_FAILURE", "the key store is damaged: its records are out of order");
          yield { key: { namespace, kind, version, id }, bytes: bytesOf(row) as Buffer };
          last = [namespace, kind, version, id];
        }
      }
    },
    commit(writes, lines, durableSequence) {
      transaction(database, () => {
        for (const write of writes) apply(write);
        dequeue.run(durableSequence);
        for (const { sequence, line } of lines) enqueue.run(sequence, line);
        raise.run(durableSequence);
      });
    },
    outbox: () =>
      database
        .prepare("SELECT sequence, line FROM audit_outbox ORDER BY sequence")
        .all()
        .map((row) => {
          const { sequence, line } = row as { sequence: number; line: Uint8Array };
          return { sequence, line: Buffer.from(line) } satisfies OutboxLine;
        }),
    durableSequence: () =>
      (database.prepare("SELECT value FROM facts WHERE name = 'durable_sequence'").get() as { value: number } | undefined)?.value ?? 0,
    setDurableSequence(sequence) {
      transaction(database, () => {
        dequeue.run(sequence);
        raise.run(sequence);
      });
    },
    header: () => (database.prepare("SELECT text FROM header").get() as { text: string } | undefined)?.text,
    setHeader(text) {
      database.prepare("INSERT INTO header VALUES (1, ?) ON CONFLICT DO UPDATE SET text = excluded.text").run(text);
    },
    close() {
      database.close();
    },
  };
}

/** Whether a row's position comes after another's, in SQLite's order (bytes of the text). */
function follows(position: [string, string, number, string], last: [string, string, number, string]): boolean {
  for (const [index, value] of position.entries()) {
    const other = last[index] as string | number;
    const order = typeof value === "number" ? value - (other as number) : Buffer.compare(Buffer.from(value), Buffer.from(other as string));
    if (order !== 0) return order > 0;
  }
  return false;
}

/** The store of a folder for reading alone: nothing is made, changed or locked for longer than a look. */
export function sqliteReader(path: string): Pick<Store, "all" | "get" | "isFiled" | "header" | "durableSequence" | "outbox" | "close"> {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path, { readOnly: true, allowExtension: false, defensive: true, timeout: 2_000, limits: { attach: 0 } });
  } catch (error) {
    throw new HsmError("INTEGRITY_FAILURE", "the key store cannot be opened", { cause: error });
  }
  return contractOf(database);
}

function open(options: SqliteStoreOptions): DatabaseSync {
  try {
    const database = new DatabaseSync(options.path, {
      allowExtension: false,
      defensive: true,
      enableForeignKeyConstraints: true,
      timeout: 0,
      limits: { attach: 0 },
    });
    database.exec(`PRAGMA journal_mode = ${options.wal ? "WAL" : "DELETE"}`);
    database.exec(`PRAGMA synchronous = ${SYNCHRONOUS[options.syncMode]}`);
    database.exec("PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON; PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;");
    database.exec(SCHEMA);
    return database;
  } catch (error) {
    throw new HsmError("INTEGRITY_FAILURE", "the key store cannot be opened", { cause: error });
  }
}

/** Runs `work` in one immediate transaction: all of it is durable, or none of it happened. */
function transaction(database: DatabaseSync, work: () => void): void {
  const run = (sql: string): void => statement(database, sql).run() as unknown as void;
  run("BEGIN IMMEDIATE");
  try {
    work();
    run("COMMIT");
  } catch (error) {
    if (database.isTransaction) run("ROLLBACK");
    throw error;
  }
}

const statements = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

function statement(database: DatabaseSync, sql: string): StatementSync {
  let prepared = statements.get(database);
  if (prepared === undefined) statements.set(database, (prepared = new Map()));
  let found = prepared.get(sql);
  if (found === undefined) prepared.set(sql, (found = database.prepare(sql)));
  return found;
}
