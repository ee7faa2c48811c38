/**
 * Moves segments of the log that ended long ago to the archive: proven, packed, written, read back, recorded, and only then
 * removed here.
 *
 * At every step a crash leaves a log that is whole: until the segment is removed it is the segment that counts, and afterwards
 * all of it is durable in the archive. What it anchors, and its tree, stay here in its list (anchor-list.ts).
 *
 * @see archived-files.ts
 */
import type { KeyObject } from "node:crypto";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { HsmError } from "@keystead/contract/errors";
import { readAnchorList } from "./anchor-list.ts";
import { ARCHIVED, archivePath, MAX_ARCHIVED_BYTES, unpacked, wholeFile } from "./archived-files.ts";
import type { EventFields } from "./event.ts";
import type { FileLayer } from "./file-layer.ts";
import { LineCursor, type LineCursorOptions } from "./line-cursor.ts";
import { SegmentIndex } from "./segment-index.ts";
import { listSegments, type SegmentName } from "./segments.ts";

export interface ArchiveOptions {
  /** Without the archive behind them. */
  readonly files: FileLayer;
  readonly path: string;
  readonly archiveFolder: string;
  readonly macKey: KeyObject;
  readonly log: { append(fields: EventFields): Promise<unknown> };
  /** Milliseconds since the epoch: segments whose last event is older are moved. */
  readonly before: number;
  readonly now: () => number;
  readonly wanted: () => boolean;
}

const pack = promisify(zstdCompress);

/**
 * @returns how many segments were moved
 * @throws {HsmError} INTEGRITY_FAILURE a segment does not verify; AUDIT_UNAVAILABLE the archive did not keep what was written
 */
export async function archiveSegments(options: ArchiveOptions): Promise<number> {
  const { files, path, macKey, wanted } = options;
  const segments = listSegments(files, path);
  let moved = 0;
  for (const [at, segment] of segments.entries()) {
    const next = segments[at + 1];
    if (next === undefined || !wanted()) return moved;
    // It stays as it is, for who wants to find out what happened to it.
    if (segment.gone === "damaged") continue;
    const list = readAnchorList(files, segment, macKey);
    const index = SegmentIndex.open(files, segment, next.firstSequence, macKey);
    index?.close();
    // Segments end in order; what has no list or index yet gets it soon.
    if (list === undefined || list.lastSequence + 1 !== next.firstSequence || index === undefined || index.latest >= options.before)
      return moved;
    await proveSegment(options, segment, list.lastSequence, list.lastHash);
    await move(options, segment);
    moved += 1;
  }
  return moved;
}

/** Every line of the segment is the vault's, and the last is the one its list names. */
export async function proveSegment(
  { files, path, macKey }: LineCursorOptions,
  segment: SegmentName,
  last: number,
  lastHash: string,
): Promise<void> {
  const cursor = new LineCursor({ files, path, macKey }, segment.firstSequence - 1);
  try {
    for (let seen = segment.firstSequence - 1; seen < last;) {
      const lines = await cursor.read(last);
      seen = lines.at(-1)?.sequence ?? Infinity;
      if (seen === Infinity || (seen === last && lines.at(-1)?.hash !== lastHash))
        throw new HsmError("INTEGRITY_FAILURE", `audit log: ${basename(segment.path)} does not end as its list says`);
    }
  } finally {
    cursor.close();
  }
}

async function move({ files, archiveFolder, log, now }: ArchiveOptions, { path }: SegmentName): Promise<void> {
  // What could not be read again is not moved.
  const bytes = wholeFile(files, path, MAX_ARCHIVED_BYTES) as Buffer;
  const target = archivePath(archiveFolder, path);
  const known = wholeFile(files, target);
  if (known === undefined || !holds(known, bytes)) {
    files.ensureFolder(archiveFolder);
    await writeWhole(files, target, await pack(bytes));
    files.syncFolder(archiveFolder);
    const kept = wholeFile(files, target);
    if (kept === undefined || !holds(kept, bytes)) throw new HsmError("AUDIT_UNAVAILABLE", `the archive did not keep ${basename(target)}`);
  }
  await writeWhole(files, `${path}${ARCHIVED}`, Buffer.from("keystead archived 1\n", "latin1"));
  files.syncFolder(dirname(path));
  await log.append({
    action: "ArchiveAuditLog",
    authentication: "ceremony",
    decision: "allow",
    key: "",
    namespace: "",
    outcome: "OK",
    payload: "",
    principal: "ceremony:archive",
    request: basename(path),
    time: new Date(now()).toISOString(),
    version: 0,
  });
  files.remove(path);
  files.syncFolder(dirname(path));
}

function holds(packed: Buffer, bytes: Buffer): boolean {
  try {
    return unpacked(packed).equals(bytes);
  } catch {
    return false;
  }
}

/** Writes a file that is only this, durably. */
export async function writeWhole(files: FileLayer, path: string, bytes: Buffer): Promise<void> {
  const file = files.open(path, "append");
  try {
    await file.writeDurable(bytes, 0);
    file.truncate(bytes.length);
  } finally {
    file.close();
  }
}
