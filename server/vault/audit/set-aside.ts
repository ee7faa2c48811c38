/**
 * Segments whose lines do not verify, set aside: nobody reads them, their lists lead across them, and the file stays as it is
 * for who wants to find out what happened to it.
 *
 * Beside such a segment, or in its place, stands `<segment>.damaged`. The mark alone is worth nothing: verification asks for the
 * event by which others agreed (`AcknowledgeAuditBreak`), with the place and the last hash of the segment in it.
 *
 * @see docs/design/audit-break.md
 */
import { hash } from "node:crypto";
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

/** What names a break: SHA-256 of its segments as the event has them, hexadecimal. */
export const breakDigest = (breaks: readonly EventBreak[]): string => hash("sha256", breaksText(breaks), "hex");

/** A damaged segment as events name it, with what stands in its place now, here or in the archive. */
export function breakOf({ files, archiveFolder }: SetAsideOptions, { path, first, last, hash: end }: SetAside): EventBreak {
  let bytes: Buffer | undefined;
  try {
    bytes = wholeFile(files, path) ?? (archiveFolder === undefined ? undefined : wholeFile(files, archivePath(archiveFolder, path)));
  } catch (error) {
    // A disk that does not give what it holds: that is what is wrong with the segment.
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
  }
  return { bytes: bytes?.length ?? 0, first, hash: end, last, sha256: bytes === undefined ? "" : hash("sha256", bytes, "hex") };
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
