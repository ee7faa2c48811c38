/**
 * What is done with segments of the audit log that have ended: first an index is made beside each, so that searches are quick;
 * then old ones move to the archive; then what is old in the archive is deleted. Each step begins where the one before left it,
 * so that a round may be broken off at any time.
 */
import type { KeyObject } from "node:crypto";
import type { VaultConfig } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import { archiveSegments } from "../audit/archive.ts";
import type { FileLayer } from "../audit/file-layer.ts";
import { indexSegments } from "../audit/indexer.ts";
import type { AuditLog } from "../audit/log.ts";
import { purgeSegments } from "../audit/purge.ts";

const DAY_MS = 86_400_000;

export interface AuditSegmentsOptions {
  readonly config: Pick<VaultConfig["audit"], "path" | "archivePath" | "archiveAfterDays" | "retentionDays">;
  /** With the archive, for reading. */
  readonly files: FileLayer;
  /** Without it. */
  readonly plainFiles: FileLayer;
  readonly macKey: KeyObject;
  readonly auditLog: AuditLog;
  /** The vault is the same as at the beginning. */
  readonly wanted: () => boolean;
  /** Log and store may be changed by what is found. */
  readonly trusted: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** One round. What goes wrong is logged, and is for the next round. */
export async function keepAuditSegments(options: AuditSegmentsOptions): Promise<void> {
  const { config, files, plainFiles, macKey, auditLog, wanted, trusted, now, log } = options;
  const { path, archivePath: archiveFolder, archiveAfterDays, retentionDays } = config;
  const common = { path, macKey, log: auditLog };
  try {
    await indexSegments({ files, ...common, wanted });
    if (archiveFolder === undefined || !trusted()) return;
    const archive = { files: plainFiles, ...common, archiveFolder, now, wanted: () => wanted() && trusted() };
    const moved = await archiveSegments({ ...archive, before: now() - archiveAfterDays * DAY_MS });
    if (moved > 0) log.info("segments of the audit log were moved to the archive", { moved });
    if (retentionDays === undefined || !trusted()) return;
    const purged = await purgeSegments({ ...archive, before: now() - retentionDays * DAY_MS });
    if (purged > 0) log.info("segments of the audit log were deleted for their age", { purged });
  } catch (error) {
    log.error("the audit log could not be indexed or archived", {}, error);
  }
}
