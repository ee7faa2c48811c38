/**
 * Whether a vault is working in a data folder. It keeps its lock database in an exclusive transaction, which this file
 * can see and must never take: a second start that will be refused must leave the first one's files alone.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/** True while a vault holds the lock of `dataDir`. */
export function folderInUse(dataDir: string): boolean {
  const path = join(dataDir, "vault.lock");
  if (!existsSync(path)) return false;
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0, limits: { attach: 0 }, defensive: true });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return (error as { errcode?: number }).errcode === SQLITE_BUSY;
  } finally {
    database.close();
  }
}
