/**
 * How a failure is told: one line that says what happened, one that says what to do next, and the exit status of the
 * error's row. With --output json or yaml the same as one document on stderr.
 */
import { asHsmError, HsmError, type ErrorCode } from "@keystead/client/names";
import { documentText, type OutputForm } from "./output-form.ts";
import { printable } from "./table.ts";

/** What to do next, by code. Codes whose detail already says it are absent. */
const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = Object.freeze({
  UNAUTHENTICATED:
    "check the name, password and code, or --client-cert, --client-key, --ca and --token, or pass --profile; the development server writes data/credentials/profile.json",
  PERMISSION_DENIED:
    "`keystead whoami` shows what you may do; ask an administrator for a role that may do this, or use another --profile or --namespace",
  OBJECT_NOT_FOUND: "see `keystead keys list`; names belong to a namespace (--namespace)",
  OBJECT_EXISTS: "choose another name, or `keystead keys rotate` to make a new version",
  KEY_STATE_FORBIDS: "see `keystead keys show KEY` for the key's state",
  KEY_USAGE_FORBIDS: "see `keystead keys show KEY` for what the key may do; encrypting files needs wrap_data_key, or --direct with encrypt",
  REQUEST_TOO_LARGE:
    "for encrypt and decrypt leave out --direct, which takes files of any size; otherwise the server's server.body_bytes is the limit",
  DECRYPTION_FAILED: "wrong key, wrong associated data, or changed data: no plaintext was written to the output file",
  RATE_LIMITED: "try again later",
  VAULT_SEALED: "see `keystead status`; a sealed vault opens with `keystead unseal --secret REF`",
  AUDIT_UNAVAILABLE: "the server cannot write its audit log and refuses to work without it; look at its disk and log",
  PROVIDER_UNAVAILABLE: "is the server running? start it with `npm start`, or check --endpoint",
  DEADLINE_EXCEEDED: "the outcome is unknown; repeat with the same --request-id, or raise --timeout",
  INTEGRITY_FAILURE: "run `keystead audit verify` and `keystead store verify` on the server",
});

/** What to do when the time was over before anything was done. */
const RAISE = "raise --timeout";

/** What to do when others must agree first. */
const waitingHint = (id: string): string =>
  `nothing is done yet; approvers look at it with \`keystead approvals show ${printable(id)}\`, and you fetch what came of it with \`keystead approvals result ${printable(id)}\``;

export interface Failure {
  readonly text: string;
  readonly exit: number;
}

/** The report of anything a command threw. A failure nobody expected tells its message, never a stack. */
export async function reportFailure(thrown: unknown, form: OutputForm): Promise<Failure> {
  const { requestIdOf } = await import("@keystead/client/remote-error"); // loaded only for failures: it brings the transport
  const system = thrown instanceof Error && "syscall" in thrown && "code" in thrown;
  const unexpected = thrown instanceof Error ? thrown.message : String(thrown);
  const error =
    thrown instanceof HsmError
      ? thrown
      : system
        ? new HsmError("INVALID_REQUEST", unexpected)
        : new HsmError("INTERNAL", unexpected, { cause: thrown });
  const { code, number, detail, retryAfterSeconds } = asHsmError(error);
  const { approvalId } = error;
  // That nothing was done is told only where it is true; of the rest it may be.
  const nothingDone = error.nothingDone || undefined;
  const hint = approvalId !== undefined ? waitingHint(approvalId) : nothingDone && code === "DEADLINE_EXCEEDED" ? RAISE : HINTS[code];
  const requestId = requestIdOf(error);
  const exit = error.row.exit;
  if (form !== "table")
    return {
      text: await documentText({ error: { code, number, detail, hint, requestId, retryAfterSeconds, nothingDone, approvalId } }, form),
      exit,
    };
  const lines = [
    `keystead: ${printable(detail === "" ? error.row.title : detail)} (${code})`,
    ...(hint === undefined ? [] : [`  ${hint}`]),
    ...(nothingDone === undefined ? [] : ["  nothing was done: the same command may be given again"]),
    ...(retryAfterSeconds === undefined ? [] : [`  worth a retry in ${retryAfterSeconds} s`]),
    ...(requestId === undefined ? [] : [`  request id ${printable(requestId)}`]),
  ];
  return { text: `${lines.join("\n")}\n`, exit };
}
