/**
 * Where the audit log's files are kept: in the file system, or in a database beside (`audit.store`).
 *
 * A log that is in one place is never begun anew in the other: two chains with the same key would each look whole.
 */
import { basename, dirname } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { systemFiles, type FileLayer } from "./file-layer.ts";
import { listSegments, readLines } from "./segments.ts";
import { databaseOf, sqliteFiles, sqliteFilesReader, type SqliteFiles } from "./sqlite-files.ts";

export type LogPlace = "files" | "sqlite";

const plain: SqliteFiles = { ...systemFiles, close: () => undefined };
const hasDatabase = (path: string): boolean => systemFiles.list(dirname(path)).includes(basename(databaseOf(path)));

/** Whether a log was ever written to here. */
function begun(files: FileLayer, path: string): boolean {
  const segments = listSegments(files, path);
  return segments.some((segment) => {
    if (segment.firstSequence > 1 || segment.gone !== undefined) return true;
    const file = files.open(segment.path, "read");
    try {
      return readLines(file).next().done !== true;
    } finally {
      file.close();
    }
  });
}

function inDatabase(path: string): boolean {
  if (!hasDatabase(path)) return false;
  const files = sqliteFilesReader(path, systemFiles);
  try {
    return begun(files, path);
  } finally {
    files.close();
  }
}

/**
 * The files that a vault writes its log to.
 *
 * @throws {HsmError} INVALID_REQUEST the log is in the other place; INTEGRITY_FAILURE the database cannot be opened
 */
export function openLogFiles(place: LogPlace, path: string): SqliteFiles {
  const elsewhere = place === "files" ? inDatabase(path) : begun(systemFiles, path);
  if (elsewhere)
    throw new HsmError(
      "INVALID_REQUEST",
      place === "files"
        ? `audit.store is files, but the audit log is in ${databaseOf(path)}: write audit.store: sqlite`
        : `audit.store is sqlite, but the audit log is in ${path}.*: write audit.store: files`,
    );
  if (place === "files") return plain;
  systemFiles.ensureFolder(dirname(path));
  return sqliteFiles(path, systemFiles);
}

/**
 * The files of a log for reading alone, wherever it is.
 *
 * @throws {HsmError} INVALID_REQUEST there is a log in both places; INTEGRITY_FAILURE the database cannot be opened
 */
export function readLogFiles(path: string): SqliteFiles {
  if (!inDatabase(path)) return plain;
  if (begun(systemFiles, path))
    throw new HsmError(
      "INVALID_REQUEST",
      `there are two logs, ${path}.* and ${databaseOf(path)}: take the one that is not the vault's away`,
    );
  return sqliteFilesReader(path, systemFiles);
}
