/** The product's own verification of a log that is in memory, told as the second verifier tells it. */
import { createSecretKey } from "node:crypto";
import { parseVerifierKey } from "@keystead/crypto/public/tlog/note";
import { withArchive } from "../../server/vault/audit/archived-files.ts";
import { readCheckpointLines } from "../../server/vault/audit/checkpoint-lines.ts";
import { memoryFiles } from "../../server/vault/audit/memory-files.ts";
import { verifyLog } from "../../server/vault/audit/verify.ts";
import type { LogFiles, Verdict } from "./second-opinion.ts";

const PATH = "/log/audit";

export async function firstOpinion(
  log: LogFiles,
  keys: { readonly audit_key?: string; readonly public_key?: string },
): Promise<Omit<Verdict, "notes">> {
  const files = memoryFiles();
  for (const [ending, bytes] of log) files.open(`${PATH}.${ending}`, "append").write(bytes, 0);
  const report = await verifyLog({
    files: withArchive(files, undefined),
    path: PATH,
    macKey: keys.audit_key === undefined ? undefined : createSecretKey(keys.audit_key, "hex"),
    checkpoints: readCheckpointLines(files, PATH),
    firstIsFirst: true,
    ...(keys.public_key === undefined ? {} : { checkpointKey: parseVerifierKey(keys.public_key).publicKey }),
  });
  const problems = [
    ...(report.bad === undefined ? [] : [`event ${report.bad.sequence}: ${report.bad.reason}`]),
    ...(report.badCheckpoint === undefined ? [] : [`checkpoint of ${report.badCheckpoint.size} events: ${report.badCheckpoint.reason}`]),
  ];
  return {
    verified: problems.length === 0 && report.setAside.length === 0,
    events: report.events,
    head: report.head,
    checkpoints: report.checkpoints,
    first_bad_sequence: report.firstBad ?? null,
    problems,
  };
}
