/**
 * Deletes segments from the archive when all of their events are older than somebody said they are to be kept: oldest first,
 * proven, their lists made durable, recorded, marked, and only then removed.
 *
 * What a segment anchors, and its tree, stay here in its list under the audit key: starts and verifications cross the gap by it.
 * Each event of this (`PurgeAuditLog`) speaks of everything that is gone, from the first event on, so the last one is enough;
 * a gap that none speaks of is found by verification. A crash at any step leaves a segment that is in the archive, or one that
 * is marked, whose rest the next look removes.
 */
import { basename, dirname } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { readAnchorList } from "./anchor-list.ts";
import { proveSegment, writeWhole, type ArchiveOptions } from "./archive.ts";
import { ARCHIVED, archivePath, wholeFile, withArchive } from "./archived-files.ts";
import type { FileLayer } from "./file-layer.ts";
import { SegmentIndex } from "./segment-index.ts";
import { listSegments, PURGED, type SegmentName } from "./segments.ts";

/**
 * @param options `before`: segments whose last event is older are deleted
 * @returns how many segments were deleted
 * @throws {HsmError} INTEGRITY_FAILURE a segment in the archive does not verify, and stays; AUDIT_UNAVAILABLE it cannot be unpacked
 */
export async function purgeSegments(options: ArchiveOptions): Promise<number> {
  const { files, path, archiveFolder, macKey, before, wanted } = options;
  const behind = withArchive(files, archiveFolder);
  const segments = listSegments(behind, path);
  const here = new Set(files.list(dirname(path)));
  const archived = new Set(files.list(archiveFolder));
  let purged = 0;
  for (const [at, segment] of segments.entries()) {
    const next = segments[at + 1];
    if (next === undefined || !wanted()) return purged;
    if (segment.gone !== undefined) {
      if (segment.gone === "purged") removeRest(files, segment, archiveFolder);
      continue;
    }
    // One that is still here, or an archive that is not: for later.
    if (here.has(basename(segment.path)) || !archived.has(basename(archivePath(archiveFolder, segment.path)))) return purged;
    const list = readAnchorList(files, segment, macKey);
    const index = SegmentIndex.open(files, segment, next.firstSequence, macKey);
    index?.close();
    if (list === undefined || list.lastSequence + 1 !== next.firstSequence || index === undefined || index.latest >= before) return purged;
    await proveSegment({ files: behind, path, macKey }, segment, list.lastSequence, list.lastHash);
    await keepList(options, segment);
    await options.log.append({
      action: "PurgeAuditLog",
      authentication: "ceremony",
      decision: "allow",
      key: "",
      namespace: "",
      outcome: "OK",
      payload: list.lastHash,
      principal: "ceremony:archive",
      request: `1-${list.lastSequence}`,
      time: new Date(options.now()).toISOString(),
      version: 0,
    });
    await writeWhole(files, `${segment.path}${PURGED}`, Buffer.from("keystead purged 1\n", "latin1"));
    files.syncFolder(dirname(path));
    removeRest(files, segment, archiveFolder);
    purged += 1;
  }
  return purged;
}

/** Up to which event a `PurgeAuditLog` says that all are gone. */
export const purgedUpTo = (request: string): number => Number(/^1-(\d{1,16})$/.exec(request)?.[1] ?? 0);

/** Lists are written in passing, because they can be made again: this one cannot any more. */
async function keepList({ files, macKey }: ArchiveOptions, segment: SegmentName): Promise<void> {
  const path = `${segment.path}.anchors`;
  await writeWhole(files, path, wholeFile(files, path) as Buffer);
  files.syncFolder(dirname(path));
  if (readAnchorList(files, segment, macKey) === undefined)
    throw new HsmError("AUDIT_UNAVAILABLE", `${basename(path)} was not kept; nothing was deleted`);
}

/** Removes what a segment that is marked as deleted left. */
function removeRest(files: FileLayer, { path }: SegmentName, archiveFolder: string): void {
  const packed = archivePath(archiveFolder, path);
  for (const rest of [packed, `${path}.index`, `${path}${ARCHIVED}`]) {
    if (!files.list(dirname(rest)).includes(basename(rest))) continue;
    files.remove(rest);
    files.syncFolder(dirname(rest));
  }
}
