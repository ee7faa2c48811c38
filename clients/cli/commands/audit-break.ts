/** `keystead audit break|acknowledge`: what is damaged of the audit log, and going on without it once others agree. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";

export function auditBreak(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "break",
    summary: "Show what is damaged of the audit log, and whether administrators can go on without it",
    examples: ["keystead audit break"],
    body: async (context) => {
      const found = await (await context.connect()).getAuditBreak();
      await context.print(found, () => {
        const segments = context.table(
          ["segment", "first", "last", "first bad", "bytes", "reason"],
          found.segments.map((one) => [
            one.name,
            String(one.firstSequence),
            String(one.lastSequence),
            String(one.firstBadSequence),
            String(one.bytes),
            one.reason,
          ]),
        );
        const facts = context.facts([
          ["integrity", found.integrity],
          ...(found.digest === ""
            ? []
            : ([
                ["digest", found.digest],
                ["approvals", String(found.approvals)],
              ] as const)),
        ]);
        const steps = found.steps.map((step, at) => `${at + 1}. ${step}\n`).join("");
        return `${facts}${found.segments.length === 0 ? "" : segments}${steps}`;
      });
    },
  });
  leaf<{ readonly reason: string; readonly yes?: boolean }>(parent, run, {
    usage: "acknowledge <digest>",
    summary: "Ask to go on without the damaged segments of the audit log; other administrators must approve",
    notes:
      "The events in those segments are lost for good, and every verification of the log says so from then on. Put back a whole copy if there is one.",
    examples: ['keystead audit acknowledge 5f0c... --reason "sector lost on disk 2, no copy left"'],
    options: (command) =>
      command
        .requiredOption("--reason <text>", "why, for those who approve and for the record")
        .option("--yes", "do not ask whether you are sure"),
    body: async (context, { reason, yes }, [digest = ""]) => {
      const keystead = await context.connect();
      const { segments } = await keystead.getAuditBreak();
      const events = segments.reduce((total, { firstSequence, lastSequence }) => total + lastSequence - firstSequence + 1n, 0n);
      await confirm(`Go on without ${segments.length} segment(s) of the audit log with ${events} events, for ever?`, yes, context.shell);
      const done = await keystead.acknowledgeAuditBreak({ digest, reason });
      await context.print(done, () => `The vault goes on without ${done.segments.length} segment(s) of the audit log.\n`);
    },
  });
}
