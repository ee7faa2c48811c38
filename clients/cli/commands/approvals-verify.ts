/**
 * `keystead approvals verify`: checks an approval by its signatures, from a file without any server, or as a server has it now;
 * with a log, every approval there is (approvals-verify-log.ts).
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkEvidence, evidenceOf, parseEvidence, type ApprovalEvidence } from "@keystead/client/approvals";
import { collect, leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";
import { subjectText } from "./approval-text.ts";
import { verifyLog } from "./approvals-verify-log.ts";

/** Status when it does not hold, or was not approved: as a signature that is not valid. */
const NOT_APPROVED = 1;

async function evidenceFrom(context: Context, given: string): Promise<ApprovalEvidence> {
  const path = resolve(context.shell.cwd, given);
  if (existsSync(path)) return parseEvidence(readFileSync(path, "utf8"));
  if (!/^[0-9a-f-]{36}$/.test(given)) throw usageError(`there is no file ${given}, and it is no id of a request`);
  return evidenceOf((await (await context.connect()).getApproval({ approvalId: given })).approval);
}

export function approvalsVerify(parent: Command, run: Run): void {
  leaf<{ readonly trust?: readonly string[]; readonly log?: string; readonly audit?: boolean }>(parent, run, {
    usage: "verify [id|file]",
    summary: "Check an approval by its signatures",
    notes:
      "Evidence is a file that `keystead approvals show ID --evidence` wrote; for it no server is asked.\nWith --trust only these public keys count; without it, those in the evidence do, and whose they are is not checked.\nWith --log or --audit every approval that the log knows is checked: each verdict against its statement, and that the request\nwas performed as it was signed, in time, after enough had agreed, and once. Evidence of several requests is what\n`keystead approvals list --state all --evidence` prints; without a file the server is asked for it.\nEnds with 0 when it was approved and everything holds, otherwise with 1.",
    examples: [
      "keystead approvals verify evidence.json --trust alice.pub.pem --trust bob.pub.pem",
      "keystead approvals verify 0197f3a2-0000-7000-8000-000000000000",
      "keystead approvals verify --log /var/lib/hsm/audit evidence.json --trust alice.pub.pem --trust bob.pub.pem",
      "keystead approvals verify --audit",
    ],
    options: (command) =>
      command
        .option("--trust <file>", "a public key (PEM) that counts; may be given several times", collect)
        .option("--log <path>", "check every approval in this audit log (the path without the segments' numbers)")
        .option("--audit", "the same, with the log of the server (permission audit:view)"),
    body: async (context, options, [given = ""]) => {
      const known = (options.trust ?? []).map((path) => {
        try {
          return readFileSync(resolve(context.shell.cwd, path), "utf8");
        } catch (cause) {
          throw usageError(`--trust: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`);
        }
      });
      if (options.log !== undefined && options.audit === true) throw usageError("pass --log or --audit, one of them");
      if (options.log !== undefined || options.audit === true) return verifyLog(context, { log: options.log, evidence: given, known });
      if (given === "") throw usageError("name a request or a file of evidence, or pass --log or --audit");
      const report = checkEvidence(await evidenceFrom(context, given), known);
      await context.print(report, () =>
        [
          subjectText(context, report.subject),
          ...report.verdicts.map(
            ({ verdict, principal, problem }) =>
              `${problem === "" ? "holds  " : "BROKEN "} ${verdict} by ${principal}${problem === "" ? "" : `: ${problem}`}\n`,
          ),
          report.approved ? "Approved: every signature holds and the rules are met.\n" : "NOT approved by what is here.\n",
        ].join(""),
      );
      return report.approved ? 0 : NOT_APPROVED;
    },
  });
}
