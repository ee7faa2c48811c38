/**
 * The log's files, those too that were moved to the archive: whoever reads a segment need not know where it lies.
 *
 * A segment in the archive is `<archive>/<segment's name>.zst`, one zstd frame of the very same bytes. In its place stays
 * `<segment>.archived`, which says that there is one. What comes out of the archive is judged like any other segment, line by
 * line, so the archive need not be trusted. The last few that were read are kept unpacked.
 */
import { basename, dirname, join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { HsmError } from "@keystead/contract/errors";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { DAMAGED, PURGED } from "./segments.ts";

export const ARCHIVED = ".archived";
const SEGMENT = /\.\d{16}$/;
/** Segments that are kept unpacked. */
const KEPT = 2;
/** No segment is larger, whatever its archive says: it is unpacked at once, while others wait. */
export const MAX_ARCHIVED_BYTES = 64 * 1024 * 1024;

/** Where the archive keeps a segment. */
export const archivePath = (archiveFolder: string, segmentPath: string): string => join(archiveFolder, `${basename(segmentPath)}.zst`);

/** The whole of a file; undefined when there is none. @throws {HsmError} AUDIT_UNAVAILABLE it is larger than `most` bytes */
export function wholeFile(files: FileLayer, path: string, most = Infinity): Buffer | undefined {
  if (!files.list(dirname(path)).includes(basename(path))) return undefined;
  const file = files.open(path, "read");
  try {
    const size = file.size();
    if (size > most) throw new HsmError("AUDIT_UNAVAILABLE", `${basename(path)} is larger than what was ever written`);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** What an archived segment holds. @throws when it is no such frame */
export const unpacked = (bytes: Buffer): Buffer => zstdDecompressSync(bytes, { maxOutputLength: MAX_ARCHIVED_BYTES });

/**
 * The files with the archive behind them.
 *
 * @param archiveFolder undefined: there is none, and segments that were moved there cannot be read
 */
export function withArchive(files: FileLayer, archiveFolder: string | undefined): FileLayer {
  const kept = new Map<string, Buffer>();
  const fromArchive = (path: string): Buffer => {
    const known = kept.get(path);
    if (known !== undefined) return known;
    const packed = archiveFolder === undefined ? undefined : wholeFile(files, archivePath(archiveFolder, path), MAX_ARCHIVED_BYTES);
    if (packed === undefined)
      throw new HsmError("AUDIT_UNAVAILABLE", `the segment ${basename(path)} of the audit log is in the archive, which is not here`);
    let bytes: Buffer;
    try {
      bytes = unpacked(packed);
    } catch (error) {
      throw new HsmError("AUDIT_UNAVAILABLE", `the archived segment ${basename(path)} of the audit log cannot be unpacked`, {
        cause: error,
      });
    }
    kept.set(path, bytes);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return bytes;
  };
  return {
    ...files,
    list(folder) {
      const names = files.list(folder);
      const there = new Set(names);
      for (const name of names) {
        const mark = [ARCHIVED, PURGED].find((end) => name.endsWith(end));
        const segment = name.slice(0, -(mark?.length ?? 0));
        if (mark === undefined || !SEGMENT.test(segment) || there.has(segment)) continue;
        there.add(segment);
        names.push(segment);
      }
      return names;
    },
    open(path, mode) {
      if (mode !== "read" || !SEGMENT.test(path)) return files.open(path, mode);
      const names = files.list(dirname(path));
      // Also when there is a file: searches go around what is marked, so whoever verifies must not find it whole.
      if (names.includes(`${basename(path)}${PURGED}`))
        throw new HsmError("AUDIT_UNAVAILABLE", `the segment ${basename(path)} of the audit log was deleted for its age`);
      if (names.includes(`${basename(path)}${DAMAGED}`))
        throw new HsmError("AUDIT_UNAVAILABLE", `the segment ${basename(path)} of the audit log is damaged and was set aside`);
      const moved = !names.includes(basename(path)) && names.includes(`${basename(path)}${ARCHIVED}`);
      return moved ? readOnly(fromArchive(path)) : files.open(path, mode);
    },
  };
}

function readOnly(bytes: Buffer): LogFile {
  const refuse = (): never => {
    throw new TypeError("the file was opened for reading");
  };
  return {
    size: () => bytes.length,
    read: (target, position) => bytes.copy(target, 0, Math.min(position, bytes.length), Math.min(position + target.length, bytes.length)),
    write: refuse,
    truncate: refuse,
    writeDurable: refuse,
    writeDurableNow: refuse,
    close: () => undefined,
  };
}
