/**
 * The audit log's files in one SQLite database (`audit.store: sqlite`): the log, its lists, indexes, tree and checkpoints are
 * the same code and the same bytes, kept as rows. Every other path goes to the layer beyond: the archive stays a folder.
 *
 * A file is a row with its size, and chunks of {@link CHUNK_BYTES}; a chunk that is not there is zeros, so the zeros ahead of a
 * segment's tail cost nothing. Each write is a transaction, so a failed one left nothing behind. A durable one runs under
 * synchronous FULL, any other under NORMAL: it survives the process and reaches the disk with the next durable one, because the
 * write-ahead log is synced as a whole.
 *
 * What is removed while somebody has it open is there until they close it, as with files of the system.
 *
 * @see https://sqlite.org/wal.html; https://sqlite.org/pragma.html#pragma_synchronous
 */
import { basename, dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HsmError } from "@keystead/contract/errors";
import type { FileLayer, LogFile } from "./file-layer.ts";

/** One row of this size fills a page of 8192 bytes. */
export const CHUNK_BYTES = 8000;
const PAGE_BYTES = 8192;
/** Chunks of one file, at most: 134 GB. */
const MOST_CHUNKS = 2 ** 24;
/** Chunks that one question reads. */
const READ_CHUNKS = 128;
const ZEROS = Buffer.alloc(CHUNK_BYTES);
/** SQLITE_FULL. */
const FULL = 13;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 536870911),
    name TEXT UNIQUE CHECK (name IS NULL OR length(name) BETWEEN 1 AND 255),
    size INTEGER NOT NULL CHECK (size BETWEEN 0 AND ${MOST_CHUNKS * CHUNK_BYTES})
  ) STRICT;
  CREATE TABLE IF NOT EXISTS chunks (
    place INTEGER PRIMARY KEY CHECK (place >= ${MOST_CHUNKS}),
    bytes BLOB NOT NULL CHECK (length(bytes) = ${CHUNK_BYTES})
  ) STRICT;
  CREATE TABLE IF NOT EXISTS synced (one INTEGER PRIMARY KEY CHECK (one = 1), times INTEGER NOT NULL) STRICT;
`;

export interface SqliteFiles extends FileLayer {
  close(): void;
}

/** Where the database of a log lies. */
export const databaseOf = (logPath: string): string => `${logPath}.db`;

/**
 * Opens the database of a log, making it when it is missing; its folder must be there.
 *
 * @param mostPages the database has no more pages of 8192 bytes, for tests of a full one
 * @throws {HsmError} INTEGRITY_FAILURE when it is no database of ours
 */
export function sqliteFiles(logPath: string, beyond: FileLayer, mostPages?: number): SqliteFiles {
  const database = opened(logPath, false, (made) => {
    made.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    made.exec("PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;");
    made.exec(SCHEMA);
    if (mostPages !== undefined) made.exec(`PRAGMA max_page_count = ${mostPages}`);
    // Removed, and open when the process ended.
    for (const { id } of made.prepare("SELECT id FROM files WHERE name IS NULL").all() as { id: number }[]) {
      made.prepare("DELETE FROM chunks WHERE place >= ? AND place < ?").run(id * MOST_CHUNKS, (id + 1) * MOST_CHUNKS);
      made.prepare("DELETE FROM files WHERE id = ?").run(id);
    }
  });
  beyond.syncFolder(dirname(logPath));
  return layerOver(database, logPath, beyond);
}

/** The same for reading alone: nothing is made or changed, and a vault may be writing. */
export const sqliteFilesReader = (logPath: string, beyond: FileLayer): SqliteFiles =>
  layerOver(
    opened(logPath, true, () => undefined),
    logPath,
    beyond,
  );

function opened(logPath: string, readOnly: boolean, prepare: (database: DatabaseSync) => void): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // A backup tool may hold the lock for a moment. A write that fails for it would stop the log until the next start.
    const timeout = 5_000;
    database = new DatabaseSync(databaseOf(logPath), { readOnly, allowExtension: false, defensive: true, timeout, limits: { attach: 0 } });
    prepare(database);
    database.prepare("SELECT id, name, size FROM files LIMIT 1").get();
    return database;
  } catch (error) {
    database?.close();
    throw new HsmError("INTEGRITY_FAILURE", `the audit log's database ${basename(databaseOf(logPath))} cannot be opened`, { cause: error });
  }
}

interface Row {
  readonly id: number;
  readonly size: number;
}

function layerOver(database: DatabaseSync, logPath: string, beyond: FileLayer): SqliteFiles {
  const folder = dirname(logPath);
  const prefix = `${basename(logPath)}.`;
  const ours = (path: string): boolean => dirname(path) === folder && basename(path).startsWith(prefix);
  const statements = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    let found = statements.get(text);
    if (found === undefined) statements.set(text, (found = database.prepare(text)));
    return found;
  };
  /** How often each file is open, by id. */
  const holders = new Map<number, number>();
  /** Removed, and still open. */
  const leaving = new Set<number>();
  let durableNow = true;
  /** Something was committed that no sync has covered: what the last process left, too. */
  let unsynced = true;

  function change<T>(durable: boolean, work: () => T): T {
    if (durable !== durableNow) {
      // Takes effect when it is compiled: a prepared one would do nothing the second time.
      database.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
      durableNow = durable;
    }
    try {
      sql("BEGIN IMMEDIATE").run();
      const result = work();
      // SQLite writes no page whose bytes are what they were, and syncs nothing when it wrote none.
      if (durable && unsynced) sql("INSERT INTO synced VALUES (1, 1) ON CONFLICT DO UPDATE SET times = times + 1").run();
      sql("COMMIT").run();
      unsynced = !durable;
      return result;
    } catch (error) {
      if (database.isTransaction) sql("ROLLBACK").run();
      if (((error as { errcode?: number }).errcode ?? 0) % 256 !== FULL) throw error;
      throw Object.assign(new Error("the audit log's database is full", { cause: error }), { code: "ENOSPC" });
    }
  }

  const named = (path: string): Row | undefined => sql("SELECT id, size FROM files WHERE name = ?").get(basename(path)) as Row | undefined;
  const sizeOf = (id: number): number => (sql("SELECT size FROM files WHERE id = ?").get(id) as Row | undefined)?.size ?? 0;
  const put = (place: number, bytes: Buffer): void =>
    void sql("INSERT INTO chunks VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes").run(place, bytes);
  const chunk = (place: number): Uint8Array | undefined =>
    (sql("SELECT bytes FROM chunks WHERE place = ?").get(place) as { bytes: Uint8Array } | undefined)?.bytes;
  const resize = (id: number, size: number): void => void sql("UPDATE files SET size = ? WHERE id = ?").run(size, id);

  function writeAt(id: number, bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (end > MOST_CHUNKS * CHUNK_BYTES) throw new RangeError("the file would be too large");
    for (let done = 0; done < bytes.length;) {
      const at = Math.floor((position + done) / CHUNK_BYTES);
      const from = position + done - at * CHUNK_BYTES;
      const piece = bytes.subarray(done, done + CHUNK_BYTES - from);
      const place = id * MOST_CHUNKS + at;
      const known = chunk(place);
      if (known !== undefined || !piece.equals(ZEROS.subarray(0, piece.length))) {
        const whole = known === undefined ? Buffer.alloc(CHUNK_BYTES) : Buffer.from(known);
        piece.copy(whole, from);
        put(place, whole);
      }
      done += piece.length;
    }
    if (end > sizeOf(id)) resize(id, end);
  }

  function readAt(id: number, target: Buffer, position: number): number {
    const length = Math.max(0, Math.min(target.length, sizeOf(id) - position));
    target.fill(0, 0, length);
    const last = Math.floor((position + length - 1) / CHUNK_BYTES);
    for (let first = Math.floor(position / CHUNK_BYTES); length > 0 && first <= last; first += READ_CHUNKS) {
      const rows = sql("SELECT place, bytes FROM chunks WHERE place BETWEEN ? AND ?").all(
        id * MOST_CHUNKS + first,
        id * MOST_CHUNKS + Math.min(last, first + READ_CHUNKS - 1),
      );
      for (const { place, bytes } of rows as unknown as { place: number; bytes: Uint8Array }[]) {
        const at = (place - id * MOST_CHUNKS) * CHUNK_BYTES - position;
        const from = Math.max(0, -at);
        target.set(bytes.subarray(from, Math.min(CHUNK_BYTES, length - at)), at + from);
      }
    }
    return length;
  }

  /** Cuts, or grows by zeros. Bytes behind the end are zeros in the chunk that it is in, and no others are there. */
  function resizeTo(id: number, size: number): void {
    const known = sizeOf(id);
    if (size === known) return;
    const at = Math.floor(size / CHUNK_BYTES);
    const place = id * MOST_CHUNKS + at;
    const bytes = size < known ? chunk(place) : undefined;
    if (bytes !== undefined) put(place, Buffer.from(bytes).fill(0, size - at * CHUNK_BYTES));
    if (size < known) sql("DELETE FROM chunks WHERE place > ? AND place < ?").run(place, (id + 1) * MOST_CHUNKS);
    resize(id, size);
  }

  function drop(id: number): void {
    sql("DELETE FROM chunks WHERE place >= ? AND place < ?").run(id * MOST_CHUNKS, (id + 1) * MOST_CHUNKS);
    sql("DELETE FROM files WHERE id = ?").run(id);
  }

  function handle(id: number, readOnly: boolean): LogFile {
    holders.set(id, (holders.get(id) ?? 0) + 1);
    let closed = false;
    const write = (durable: boolean, work: () => void): void => {
      if (readOnly) throw new TypeError("the file was opened for reading");
      change(durable, work);
    };
    return {
      size: () => sizeOf(id),
      read: (target, position) => readAt(id, target, position),
      write: (bytes, position) => write(false, () => writeAt(id, bytes, position)),
      truncate: (size) => write(false, () => resizeTo(id, size)),
      writeDurable: async (bytes, position) => write(true, () => writeAt(id, bytes, position)),
      writeDurableNow: (bytes, position) => write(true, () => writeAt(id, bytes, position)),
      close() {
        if (closed) return;
        closed = true;
        const left = (holders.get(id) ?? 1) - 1;
        if (left > 0) return void holders.set(id, left);
        holders.delete(id);
        if (leaving.delete(id)) change(false, () => drop(id));
      },
    };
  }

  return {
    list(of) {
      const names = beyond.list(of);
      if (of !== folder) return names;
      const rows = sql("SELECT name FROM files WHERE name IS NOT NULL ORDER BY name").all() as { name: string }[];
      return [...names.filter((name) => !name.startsWith(prefix)), ...rows.map(({ name }) => name)];
    },
    open(path, mode) {
      if (!ours(path)) return beyond.open(path, mode);
      const id = named(path)?.id;
      if (id !== undefined) return handle(id, mode === "read");
      if (mode === "read") throw Object.assign(new Error(`no such file: ${basename(path)}`), { code: "ENOENT" });
      const { lastInsertRowid } = change(false, () => sql("INSERT INTO files (name, size) VALUES (?, 0)").run(basename(path)));
      return handle(Number(lastInsertRowid), false);
    },
    syncFolder(of) {
      beyond.syncFolder(of);
      if (of === folder) change(true, () => undefined);
    },
    ensureFolder: (of) => beyond.ensureFolder(of),
    remove(path) {
      if (!ours(path)) return beyond.remove(path);
      const id = named(path)?.id;
      if (id === undefined) throw Object.assign(new Error(`no such file: ${basename(path)}`), { code: "ENOENT" });
      const held = holders.has(id);
      change(false, () => (held ? void sql("UPDATE files SET name = NULL WHERE id = ?").run(id) : drop(id)));
      if (held) leaving.add(id);
    },
    close: () => database.close(),
  };
}
