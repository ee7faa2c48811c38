/** `keystead status`: phase, version and health of the server. */
import type { Status } from "@keystead/client/shapes";
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";

const ISOLATION: Readonly<Record<string, string>> = {
  own_users: "each part runs as its own user",
  permission_model_only: "all parts share one user; Node's permission model is the only wall between them",
};

/** Only a server that has run them says how they went. */
function selfTestFacts({ selfTests }: Status): [string, string][] {
  if (selfTests === undefined) return [];
  const results = selfTests.results;
  const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
  const took = `${results.length} in ${Math.round(selfTests.durationUs / 1000)} ms`;
  return [["self-tests", failed.length === 0 ? `${took}, all passed` : `${took}, FAILED: ${failed.join(", ")}`]];
}

/** What others hold the log to. */
function checkpointFacts({ auditVerifierKey, auditCheckpointSize }: Status): [string, string][] {
  if (auditVerifierKey === "") return [];
  return [
    ["checkpoint", auditCheckpointSize === 0n ? "none yet" : `of ${auditCheckpointSize} events`],
    ["audit key", auditVerifierKey],
  ];
}

/** What is wrong, where it begins, and what to do about it. */
function maintenanceFacts({ maintenance, auditFirstBadSequence, maintenanceSteps }: Status): [string, string][] {
  return [
    ...(maintenance === "" ? [] : ([["maintenance", maintenance]] as [string, string][])),
    ...(auditFirstBadSequence === 0n ? [] : ([["first bad event", `${auditFirstBadSequence} of the audit log`]] as [string, string][])),
    ...maintenanceSteps.map((step, index): [string, string] => [`step ${index + 1}`, step]),
  ];
}

/** Only a rekey that is under way is worth a line. */
function rekeyFacts({ rekey }: Status): [string, string][] {
  if (rekey === undefined || rekey.complete) return [];
  return [["rekey", `under way: ${rekey.recordsRenewed} of ${rekey.records} records are under the new keys`]];
}

export function status(root: Command, run: Run): void {
  leaf(root, run, {
    usage: "status",
    summary: "Show whether the server is up, open and sound",
    examples: ["keystead status", "keystead status --json"],
    body: async (context) => {
      const now = await (await context.connect()).getStatus();
      await context.print(now, () =>
        context.facts([
          ["version", now.version],
          ["phase", now.phase],
          ...maintenanceFacts(now),
          ["preset", now.preset],
          ["uptime", `${now.uptimeSeconds} s`],
          ["store", now.store],
          ["audit log", `${now.auditSequence} events, sync ${now.auditSyncMode}, ${now.auditIntegrity}`],
          ...checkpointFacts(now),
          ...selfTestFacts(now),
          ...rekeyFacts(now),
          ["isolation", ISOLATION[now.isolation] ?? now.isolation],
          ["memory locked", now.memoryLocked ? "yes" : "no"],
        ]),
      );
    },
  });
}
