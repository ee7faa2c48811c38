/** `keystead approvals approve`, `deny`, `override`: a verdict, signed here by a key that stays here. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { signVerdict, statementBytes, subjectOf, type ApprovalSubject, type Verdict } from "@keystead/client/approvals";
import type { Keystead } from "@keystead/client/client";
import type { Approval, VerdictRequest, VerdictResponse } from "@keystead/client/shapes";
import { readApproverKey, type KeyFileOptions } from "../approver-key-file.ts";
import { leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";
import type { Context } from "../context.ts";
import { assertionIn, readSecurityKey, securityKeyOptions, signByKey, type SecurityKeyOptions } from "../security-key.ts";
import { usageError } from "../usage-error.ts";
import { approvalText, subjectText } from "./approval-text.ts";

interface Options extends KeyFileOptions, SecurityKeyOptions {
  readonly securityKey?: string;
  readonly signature?: string;
  readonly assertion?: string;
  readonly approverKey?: string;
  readonly reason?: string;
  readonly yes?: boolean;
}

type Send = (keystead: Keystead, request: VerdictRequest) => Promise<VerdictResponse>;

const SETTLED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 100;

/** The request once what it led to has ended, or as it is after some seconds. */
async function settled(keystead: Keystead, approval: Approval): Promise<Approval> {
  let now = approval;
  for (const until = Date.now() + SETTLED_WITHIN_MS; (now.state === "approved" || now.state === "executing") && Date.now() < until;) {
    await sleep(LOOK_EVERY_MS);
    now = (await keystead.getApproval({ approvalId: now.id, namespace: now.namespace })).approval;
  }
  return now;
}

async function give(context: Context, options: Options, id: string, verdict: Verdict, send: Send): Promise<void> {
  const { shell } = context;
  const reason = options.reason ?? "";
  if (verdict === "override" && reason.trim() === "") throw usageError("an override needs --reason");
  const signer = signerOf(context, options);
  const keystead = await context.connect();
  const subject = subjectOf((await keystead.getApproval({ approvalId: id, namespace: context.options.namespace })).approval);
  await context.note(subjectText(context, subject));
  await confirm(`${verdict} this request?`, options.yes, shell);
  const { approval } = await send(keystead, {
    approvalId: id,
    namespace: subject.namespace,
    reason,
    ...(await signer(subject, verdict, reason)),
  });
  const now = await settled(keystead, approval);
  await context.print({ approval: now }, () => approvalText(context, now));
}

type Signed = Pick<VerdictRequest, "approverKey" | "signature" | "assertion">;

/** Where the signature comes from; files are read before anything is asked. @throws {HsmError} INVALID_REQUEST */
function signerOf(
  context: Context,
  options: Options,
): (subject: ApprovalSubject, verdict: Verdict, reason: string) => Signed | Promise<Signed> {
  const { shell } = context;
  const { key: keyFile, securityKey, signature, assertion, approverKey } = options;
  if ([keyFile, securityKey, signature, assertion].filter((given) => given !== undefined).length !== 1)
    throw usageError(
      "pass --key FILE or --security-key FILE to sign here, or --signature FILE or --assertion FILE with what was signed elsewhere, one of them",
    );
  if (keyFile !== undefined) {
    const key = readApproverKey(options, shell);
    return (subject, verdict, reason) => signVerdict(key, subject, verdict, reason);
  }
  if (securityKey !== undefined) {
    const known = readSecurityKey(securityKey, shell.cwd);
    return async (subject, verdict, reason) => ({
      approverKey: known.approverKey,
      ...(await signByKey(context, options, known, statementBytes(subject, verdict, reason))),
    });
  }
  if (approverKey === undefined) throw usageError("--approver-key says which key made the signature");
  const made = assertion === undefined ? { signature: signatureIn(signature as string, shell.cwd) } : assertionIn(assertion, shell.cwd);
  return () => ({ approverKey, ...made });
}

/** Raw bytes, or base64 of them. */
function signatureIn(path: string, cwd: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(cwd, path));
  } catch (cause) {
    throw usageError(`--signature: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`);
  }
  const text = bytes.toString("latin1").replaceAll(/\s/g, "");
  return /^[A-Za-z0-9+/]{64,}={0,2}$/.test(text) ? Buffer.from(text, "base64") : bytes;
}

function verdictCommand(name: Verdict, summary: string, notes: string, send: Send): (parent: Command, run: Run) => void {
  return (parent, run) => {
    leaf<Options>(parent, run, {
      usage: `${name} <id>`,
      summary,
      notes: `${notes}\nTo sign elsewhere: keystead approvals show ID --bytes --verdict ${name} --reason TEXT > statement`,
      examples: [
        `keystead approvals ${name} 0197-... --key my-approver-key.pem --reason 'ticket 4711'`,
        `keystead approvals ${name} 0197-... --security-key blue-one.json --reason 'ticket 4711'`,
        `keystead approvals ${name} 0197-... --signature statement.sig --approver-key ID --reason 'ticket 4711'`,
      ],
      options: (command) =>
        securityKeyOptions(command)
          .option("--security-key <file>", "sign with the security key that this file remembers")
          .option("--assertion <file>", "an assertion that was made elsewhere, JSON as browsers write it")
          .option("--key <file>", "your private key (PEM, PKCS#8); it is used here and sent nowhere")
          .option("--key-passphrase <ref>", "passphrase of the key's file (file:PATH, env:NAME or fd:N)")
          .option("--signature <file>", "a signature that was made elsewhere, raw or base64")
          .option("--approver-key <id>", "which approver key made that signature")
          .option("--reason <text>", "why; part of what is signed")
          .option("--yes", "do not ask"),
      body: (context, options, [id = ""]) => give(context, options, id, name, send),
    });
  };
}

export const approvalsApprove = verdictCommand(
  "approve",
  "Agree to a request, by your signature",
  "What is signed is shown first. The last approval that was needed has the request performed.",
  (keystead, request) => keystead.approveRequest(request),
);
export const approvalsDeny = verdictCommand("deny", "Refuse a request, by your signature", "One refusal ends it.", (keystead, request) =>
  keystead.denyRequest(request),
);
export const approvalsOverride = verdictCommand(
  "override",
  "Emergency: agree to a request past its own rules",
  "It has a quorum of its own, needs a reason, and raises an alarm.",
  (keystead, request) => keystead.overrideApproval(request),
);
