/**
 * Makes the names in a folder durable. A leaf: this file imports nothing of the vault.
 *
 * Node switches fsync off under its permission model, and a folder cannot be opened with O_DSYNC. SQLite, whose code
 * the permission model does not reach, syncs the folder in which it makes a rollback journal: so a tiny database is
 * written there.
 *
 * @see ARCHITECTURE.md "Durability by O_DSYNC"; https://sqlite.org/atomiccommit.html §3.7
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Name of the database that is written; it holds nothing. */
export const FOLDER_SYNC = "folder-sync.db";

/** Every name in `folder`, made, changed or removed before, is on the disk when this returns. */
export function syncFolder(folder: string): void {
  const database = new DatabaseSync(join(folder, FOLDER_SYNC), {
    allowExtension: false,
    defensive: true,
    timeout: 1_000,
    limits: { attach: 0 },
  });
  try {
    database.exec(
      "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS synced (one INTEGER PRIMARY KEY, times INTEGER NOT NULL) STRICT;",
    );
    database.exec("INSERT INTO synced VALUES (1, 1) ON CONFLICT DO UPDATE SET times = times + 1");
  } finally {
    database.close();
  }
}
