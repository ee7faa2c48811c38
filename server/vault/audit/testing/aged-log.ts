/** For tests of keeping the log: one that is forty days old, and what the duties do with it. */
import { createSecretKey, randomBytes } from "node:crypto";
import { memoryStore } from "../../stores/memory.ts";
import type { Store } from "../../stores/store.ts";
import { archiveSegments } from "../archive.ts";
import { withArchive } from "../archived-files.ts";
import { CrashingDisk } from "../crashing-files.ts";
import type { EventFields } from "../event.ts";
import type { FileLayer } from "../file-layer.ts";
import { indexSegments } from "../indexer.ts";
import { AuditLog } from "../log.ts";
import { recoverLog } from "../recover.ts";
import { sampleEvent } from "./sample-event.ts";

export const KEY = createSecretKey(randomBytes(32));
export const PATH = "/audit/audit.log";
export const ARCHIVE = "/archive";
export const DAY = 86_400_000;
export const START = Date.parse("2026-01-01T00:00:00.000Z");

export const event = (request: string, day: number): EventFields =>
  sampleEvent(request, { time: new Date(START + day * DAY).toISOString() });

/** A log that is opened, with segments of so many bytes. */
export function opener(segmentBytes: number) {
  return (disk: CrashingDisk, store: Store, archive: string | undefined = ARCHIVE): { log: AuditLog; files: FileLayer } => {
    const files = withArchive(disk.files, archive);
    const recovered = recoverLog({ files, path: PATH, store, macKey: KEY });
    return { files, log: new AuditLog(recovered, { files, path: PATH, store, macKey: KEY, syncMode: "full", segmentBytes }) };
  };
}

/** A log of forty days, an event each. */
export async function written(open: ReturnType<typeof opener>): Promise<{ disk: CrashingDisk; store: Store }> {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log, files } = open(disk, store);
  for (let day = 0; day < 40; day += 1) await log.append(event(`r${day}`, day));
  await indexSegments({ files, path: PATH, macKey: KEY, log, wanted: () => true });
  await log.close();
  return { disk, store };
}

/** What every step of keeping is given, on the forty-first day. */
export const keeping = (disk: CrashingDisk, log: AuditLog, day: number): Parameters<typeof archiveSegments>[0] => ({
  files: disk.files,
  path: PATH,
  archiveFolder: ARCHIVE,
  macKey: KEY,
  log,
  before: START + day * DAY,
  now: () => START + 41 * DAY,
  wanted: () => true,
});

/** Moves what is older than a day to the archive. @returns how many segments */
export const archive = (disk: CrashingDisk, log: AuditLog, day: number): Promise<number> => archiveSegments(keeping(disk, log, day));
