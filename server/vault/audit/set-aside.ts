/**
 * Segments whose lines do not verify, set aside: nobody reads them, their lists lead across them, and the file stays as it is
 * for who wants to find out what happened to it.
 *
 * Beside such a segment, or in its place, stands `<segment>.damaged`. The mark alone is worth nothing: verification asks for the
 * event by which others agreed (`AcknowledgeAuditBreak`), with the place and the last hash of the segment in it.
 *
 * @see docs/design/audit-break.md
 */
import { createHash, hash } from "node:crypto";
import { basename, dirname } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { writeWhole } from "./archive.ts";
import { archivePath, wholeFile } from "./archived-files.ts";
import { breaksText, type EventBreak } from "./event.ts";
import type { FileLayer } from "./file-layer.ts";
import { DAMAGED } from "./segments.ts";
import type { SetAside } from "./verify.ts";

export interface SetAsideOptions {
  /** Without the archive behind them. */
  readonly files: FileLayer;
  readonly archiveFolder: string | undefined;
}

const PIECE_BYTES = 1024 * 1024;

/** What names a break: SHA-256 of its segments as the event has them, hexadecimal. */
export const breakDigest = (breaks: readonly EventBreak[]): string => hash("sha256", breaksText(breaks), "hex");

/** A damaged segment as events name it, with what stands in its place now, here or in the archive. */
export function breakOf({ files, archiveFolder }: SetAsideOptions, { path, first, last, hash: end }: SetAside): EventBreak {
  let standing: { bytes: number; sha256: string } | undefined;
  try {
    standing = digested(files, path) ?? (archiveFolder === undefined ? undefined : digested(files, archivePath(archiveFolder, path)));
  } catch (error) {
    // A disk that does not give what it holds: that is what is wrong with the segment.
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
  }
  const { bytes, sha256 } = standing ?? { bytes: 0, sha256: "" };
  return { bytes, first, hash: end, last, sha256 };
}

/** Length and digest of a file, however large somebody made it; undefined when there is none. */
function digested(files: FileLayer, path: string): { bytes: number; sha256: string } | undefined {
  if (!files.list(dirname(path)).includes(basename(path))) return undefined;
  const file = files.open(path, "read");
  try {
    const digest = createHash("sha256");
    const piece = Buffer.alloc(PIECE_BYTES);
    let bytes = 0;
    for (let read = file.read(piece, 0); read > 0; read = file.read(piece, bytes)) {
      digest.update(piece.subarray(0, read));
      bytes += read;
    }
    return { bytes, sha256: digest.digest("hex") };
  } finally {
    file.close();
  }
}

/**
 * Makes the lists durable that must lead across the segments from now on, and then the marks.
 *
 * @throws {HsmError} AUDIT_UNAVAILABLE one of them was not kept, and no segment is marked
 */
export async function markDamaged({ files }: SetAsideOptions, segments: readonly SetAside[]): Promise<void> {
  for (const { path } of segments) {
    const list = `${path}.anchors`;
    const bytes = wholeFile(files, list);
    if (bytes === undefined) throw new HsmError("AUDIT_UNAVAILABLE", `${basename(list)} is gone; nothing was set aside`);
    await writeWhole(files, list, bytes);
  }
  try {
    for (const { path } of segments) await writeWhole(files, `${path}${DAMAGED}`, Buffer.from("keystead damaged 1\n", "latin1"));
    for (const folder of new Set(segments.map(({ path }) => dirname(path)))) files.syncFolder(folder);
  } catch (error) {
    unmarkDamaged({ files, archiveFolder: undefined }, segments);
    throw error;
  }
}

/** Takes the marks away. */
export function unmarkDamaged({ files }: SetAsideOptions, segments: readonly SetAside[]): void {
  for (const { path } of segments) {
    if (!files.list(dirname(path)).includes(basename(`${path}${DAMAGED}`))) continue;
    files.remove(`${path}${DAMAGED}`);
    files.syncFolder(dirname(path));
  }
}
