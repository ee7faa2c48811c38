/**
 * Writes files that are whole or absent whatever happens: temporary file, fsync, rename or link, fsync of the folder.
 * Files are 0600 and folders 0700.
 */
import { closeSync, fsyncSync, linkSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { HsmError } from "@keystead/contract/errors";

/** Makes a folder of mode 0700 and those above it; one that exists is left as it is. A symbolic link is refused. */
export function ensureFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (lstatSync(path).isSymbolicLink()) throw new HsmError("INVALID_REQUEST", `${path} is a symbolic link; name the folder itself`);
}

/** Text of a file, or undefined when there is none. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A fresh temporary file beside `path` with these bytes on disk. */
function writeTemporary(path: string, bytes: Uint8Array): string {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const fd = openSync(temporary, "w", 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return temporary;
}

/** The file holds these bytes afterwards, or what it held before. */
export function replaceFile(path: string, bytes: Uint8Array | string): void {
  const temporary = writeTemporary(path, typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Makes the file unless it exists; true when this call made it. An existing file is never touched. */
export function createFile(path: string, bytes: Uint8Array | string): boolean {
  const temporary = writeTemporary(path, typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(temporary);
    syncFolder(dirname(path));
  }
}
