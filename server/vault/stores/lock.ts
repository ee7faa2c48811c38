/**
 * One vault per data folder.
 *
 * Node has no flock, so the lock is an SQLite database held in an exclusive transaction: the operating system drops
 * it when the process ends, however it ends, and a second vault is refused while the first lives.
 */
import { DatabaseSync } from "node:sqlite";
import { HsmError } from "@keystead/contract/errors";

/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/** Takes the lock or refuses. The result must be kept for the life of the process. @throws {HsmError} PROVIDER_UNAVAILABLE */
export function lockFolder(path: string): { release(): void } {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0, limits: { attach: 0 }, defensive: true });
    database.exec(
      "PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE IF NOT EXISTS lock (held INTEGER); BEGIN EXCLUSIVE; DELETE FROM lock; INSERT INTO lock VALUES (1);",
    );
  } catch (error) {
    database?.close();
    const busy = (error as { errcode?: number }).errcode === SQLITE_BUSY;
    throw new HsmError("PROVIDER_UNAVAILABLE", busy ? "another vault is using this data folder" : "the data folder cannot be locked", {
      cause: error,
    });
  }
  const held = database;
  return { release: () => held.close() };
}
