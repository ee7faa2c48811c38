/** A pending request for people. What approvers are shown is read out of what they sign, never out of what else the server says. */
import { checkEvidence, evidenceOf, subjectOf, type ApprovalSubject } from "@keystead/client/approvals";
import type { Approval, ApproverKey } from "@keystead/client/shapes";
import type { Context } from "../context.ts";
import { dateText } from "./key-facts.ts";

/** The subject as facts, the request's fields one by one. */
export function subjectText(context: Pick<Context, "facts">, subject: ApprovalSubject): string {
  return context.facts([
    ["approval", subject.approval],
    ["operation", subject.operation],
    ["namespace", subject.namespace],
    ["key", subject.key],
    ["requester", subject.requester],
    ["created", subject.created],
    ["expires", subject.expires],
    ["request", JSON.stringify(subject.request)],
    ["payload sha-256", subject.payload],
    ["policy", subject.policy],
    ["vault", subject.vault],
    ...subject.rules.map(({ rule, quorum, roles, reason }): readonly [string, string] => [
      "rule",
      `${rule}: ${quorum} of ${roles.join(", ")}${reason === "" ? "" : ` (${reason})`}`,
    ]),
    ...(subject.override === null ? [] : [["override", `${subject.override.quorum} of ${subject.override.roles.join(", ")}`] as const]),
  ]);
}

/** Everything that is known of a request; whether its signatures hold is computed here. */
export function approvalText(context: Pick<Context, "facts">, approval: Approval): string {
  const report = checkEvidence(evidenceOf(approval));
  const said = approval.verdicts.map(({ verdict, principal, person, time, reason }, at): readonly [string, string] => {
    const problem = report.verdicts[at]?.problem ?? "";
    const who = person === principal ? principal : `${principal} (${person})`;
    return [
      verdict,
      `${who}, ${dateText(time)}${reason === "" ? "" : `: ${reason}`}${problem === "" ? "" : `  DOES NOT HOLD: ${problem}`}`,
    ];
  });
  const outcome =
    approval.outcome === "" ? [] : [["outcome", `${approval.outcome}${approval.detail === "" ? "" : `: ${approval.detail}`}`] as const];
  return `${subjectText(context, subjectOf(approval))}${context.facts([
    ["state", approval.overridden ? `${approval.state} (emergency override)` : approval.state],
    ...outcome,
    ...said,
  ])}`;
}

export const APPROVAL_HEADING = ["id", "state", "operation", "namespace", "key", "requester", "expires"];

export const approvalCells = (approval: Approval): readonly string[] => [
  approval.id,
  approval.state,
  approval.action,
  approval.namespace,
  approval.keyId,
  approval.requester,
  dateText(approval.expiresAt),
];

export const KEY_HEADING = ["id", "kind", "principal", "description", "registered", "revoked"];

export const keyCells = (key: ApproverKey): readonly string[] => [
  key.id,
  key.kind,
  key.principal,
  key.description,
  key.configured ? "configuration" : dateText(key.registeredAt),
  dateText(key.revokedAt),
];
