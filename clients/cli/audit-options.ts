/** Options that choose events of the audit log, and how an event is shown in a row. */
import type { Command } from "commander";
import type { AuditEvent } from "@keystead/client/shapes";
import { dateText } from "./commands/key-facts.ts";
import { usageError } from "./usage-error.ts";

export interface FilterOptions {
  readonly key?: string;
  readonly otherKey?: string;
  readonly action?: string;
  readonly principal?: string;
  readonly outcome?: string;
  readonly decision?: "allow" | "refuse" | "pending";
  readonly request?: string;
  readonly approval?: string;
}

const decisionOf = (text: string): string => {
  if (text !== "allow" && text !== "refuse" && text !== "pending")
    throw usageError(`--decision: '${text}' is not allow, refuse or pending`);
  return text;
};

export const filterOptions = (command: Command): Command =>
  command
    .option("--key <id>", "only events about this key")
    .option("--other-key <id>", "only events that used this as the second key")
    .option("--action <name>", "only events of this operation, such as Sign")
    .option("--principal <id>", "only what this caller did")
    .option("--outcome <code>", "only events with this outcome: OK or an error's code")
    .option("--decision <word>", "only events that were decided so: allow, refuse or pending", decisionOf)
    .option("--request <id>", "only events under this request id")
    .option("--approval <id>", "only events about this pending request");

export const filterOf = ({ key, otherKey, action, principal, outcome, decision, request, approval }: FilterOptions) => ({
  keyId: key,
  otherKeyId: otherKey,
  action,
  principal,
  outcome,
  decision,
  requestId: request,
  approvalId: approval,
});

export const EVENT_HEADING = ["sequence", "time", "principal", "action", "key", "decision", "outcome"];

export const eventCells = (event: AuditEvent): readonly string[] => [
  String(event.sequence),
  dateText(event.time),
  event.principal,
  event.action,
  event.keyId,
  event.decision,
  event.outcome,
];
