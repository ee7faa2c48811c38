/** `keystead approvals`: requests that wait for others. */
import type { Command } from "commander";
import { evidenceOf, statementBytes, subjectOf, VERDICTS, type Verdict } from "@keystead/client/approvals";
import type { Approval, ApprovalStateName } from "@keystead/client/shapes";
import { checkTarget, writeTarget, type TargetOptions } from "../byte-target.ts";
import { group, leaf, outOptions, type Run } from "../command-tree.ts";
import { write } from "../shell.ts";
import { usageError } from "../usage-error.ts";
import { APPROVAL_HEADING, approvalCells, approvalText } from "./approval-text.ts";
import { approvalsKeys } from "./approvals-keys.ts";
import { approvalsApprove, approvalsDeny, approvalsOverride } from "./approvals-verdict.ts";
import { approvalsVerify } from "./approvals-verify.ts";

const STATES: readonly ApprovalStateName[] = ["pending", "approved", "executing", "done", "failed", "denied", "cancelled", "expired"];
const PAGE = 1000;

export function approvals(root: Command, run: Run): void {
  const parent = group(root, "approvals", "Requests that wait for others: look, agree, refuse, check");
  list(parent, run);
  show(parent, run);
  approvalsApprove(parent, run);
  approvalsDeny(parent, run);
  approvalsOverride(parent, run);
  cancel(parent, run);
  result(parent, run);
  approvalsVerify(parent, run);
  approvalsKeys(parent, run);
}

function list(parent: Command, run: Run): void {
  leaf<{ readonly state?: string; readonly evidence?: boolean }>(parent, run, {
    usage: "list",
    summary: "List requests that wait for approval, or did",
    examples: ["keystead approvals list", "keystead approvals list --state all --namespace payments"],
    options: (command) =>
      command
        .option("--state <state>", `${STATES.join(", ")}, or all`, "pending")
        .option("--evidence", "the requests with their signatures, as JSON, for `keystead approvals verify`"),
    body: async (context, options) => {
      const state = options.state === "all" ? undefined : STATES.find((name) => name === options.state);
      if (state === undefined && options.state !== "all") throw usageError(`--state is one of ${STATES.join(", ")}, all`);
      const keystead = await context.connect();
      const found: Approval[] = [];
      for (let pageToken: string | undefined; pageToken !== "";) {
        const page = await keystead.listApprovals({ namespace: context.options.namespace, state, pageSize: PAGE, pageToken });
        found.push(...page.approvals);
        pageToken = page.nextPageToken;
      }
      if (options.evidence === true) return write(context.shell.stdout, `${JSON.stringify(found.map(evidenceOf), null, 2)}\n`);
      await context.print({ approvals: found }, () => context.table(APPROVAL_HEADING, found.map(approvalCells)));
    },
  });
}

function show(parent: Command, run: Run): void {
  leaf<{ readonly bytes?: boolean; readonly evidence?: boolean; readonly verdict: string; readonly reason?: string }>(parent, run, {
    usage: "show <id>",
    summary: "Show one request, or exactly what an approver signs",
    notes:
      "--bytes prints the statement to sign with another program:\n  openssl pkeyutl -sign -rawin -inkey my-approver-key.pem -in statement -out statement.sig\n--evidence prints what `keystead approvals verify FILE` checks without a server.",
    examples: ["keystead approvals show 0197-...", "keystead approvals show 0197-... --evidence > evidence.json"],
    options: (command) =>
      command
        .option("--bytes", "the exact bytes that are signed, and nothing else")
        .option("--verdict <verdict>", `with --bytes: ${VERDICTS.join(", ")}`, "approve")
        .option("--reason <text>", "with --bytes: the reason, which is signed too")
        .option("--evidence", "the request with its signatures, as JSON"),
    body: async (context, options, [approvalId = ""]) => {
      const verdict = VERDICTS.find((name) => name === options.verdict);
      if (verdict === undefined) throw usageError(`--verdict is one of ${VERDICTS.join(", ")}`);
      const { approval } = await (await context.connect()).getApproval({ approvalId, namespace: context.options.namespace });
      if (options.bytes === true)
        return write(context.shell.stdout, statementBytes(subjectOf(approval), verdict as Verdict, options.reason ?? ""));
      if (options.evidence === true) return write(context.shell.stdout, `${JSON.stringify(evidenceOf(approval), null, 2)}\n`);
      await context.print({ approval }, () => approvalText(context, approval));
    },
  });
}

function cancel(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "cancel <id>",
    summary: "Take your own request back",
    examples: ["keystead approvals cancel 0197-..."],
    body: async (context, _options, [approvalId = ""]) => {
      const { approval } = await (await context.connect()).cancelRequest({ approvalId, namespace: context.options.namespace });
      await context.print({ approval }, () => approvalText(context, approval));
    },
  });
}

/** Status while a request still waits, as when it was asked for. */
const WAITING = 11;

function result(parent: Command, run: Run): void {
  leaf<TargetOptions>(parent, run, {
    usage: "result <id>",
    summary: "Fetch what came of your request",
    notes:
      "The answer of the operation is printed as JSON. One that holds a secret is given once: as its protobuf message to --out,\nor in base64.\nEnds with 11 while the request still waits, and with 4 when it was refused.",
    examples: ["keystead approvals result 0197-...", "keystead approvals result 0197-... --out answer.bin"],
    options: (command) => outOptions(command),
    body: async (context, options, [approvalId = ""]) => {
      const { shell } = context;
      checkTarget(options, shell);
      const {
        approval,
        result: answer,
        resultJson,
      } = await (await context.connect()).getApproval({ approvalId, namespace: context.options.namespace, withResult: true });
      if (answer.length > 0 && options.out !== undefined) await writeTarget(options, [answer], shell);
      else if (resultJson !== "") await write(shell.stdout, `${resultJson}\n`);
      else if (answer.length > 0) {
        await context.note("the answer holds a secret; here it is for the only time, as its message in base64");
        await write(shell.stdout, `${answer.toString("base64")}\n`);
      } else await context.print({ approval }, () => approvalText(context, approval));
      if (approval.state === "pending" || approval.state === "approved" || approval.state === "executing") return WAITING;
      return approval.state === "done" ? 0 : 4;
    },
  });
}
