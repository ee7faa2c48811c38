/**
 * Which events somebody asked for, and which they may see. An event is shown when it passes both.
 *
 * What is asked for narrows; what is hidden is nobody's choice: namespaces that the caller could not ask for by name.
 */
import type { ChainedEvent } from "./event.ts";

/** Empty or undefined = whatever it is. */
export interface AuditFilter {
  /** undefined = every namespace. */
  readonly namespaces: ReadonlySet<string> | undefined;
  /** Used by the event or by an item of its batch. */
  readonly keyId: string;
  /** Used as the second key, likewise. */
  readonly otherKeyId: string;
  readonly action: string;
  readonly principal: string;
  readonly outcome: string;
  readonly decision: string;
  readonly requestId: string;
  readonly approvalId: string;
  /** Milliseconds since the epoch; inclusive. */
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
}

export const ANY_EVENT: AuditFilter = Object.freeze({
  namespaces: undefined,
  keyId: "",
  otherKeyId: "",
  action: "",
  principal: "",
  outcome: "",
  decision: "",
  requestId: "",
  approvalId: "",
  since: -Infinity,
  until: Infinity,
});

/** What to leave out. */
export interface Hidden {
  /** Everything about the namespace. */
  has(namespace: string): boolean;
  /** What is about a namespace of the same name that there was before. @param time of the event, ISO 8601 */
  former?(namespace: string, time: string): boolean;
}

/** Whether an event is asked for and may be seen. */
export function shows(filter: AuditFilter, hidden: Hidden, event: ChainedEvent): boolean {
  const { namespaces, keyId, otherKeyId, action, principal, outcome, decision, requestId, approvalId } = filter;
  return (
    (namespaces === undefined || namespaces.has(event.namespace)) &&
    !hidden.has(event.namespace) &&
    hidden.former?.(event.namespace, event.time) !== true &&
    (keyId === "" || event.key === keyId || event.items?.some(({ key }) => key === keyId) === true) &&
    (otherKeyId === "" || event.other === otherKeyId || event.items?.some(({ other }) => other === otherKeyId) === true) &&
    (action === "" || event.action === action) &&
    (principal === "" || event.principal === principal) &&
    (outcome === "" || event.outcome === outcome) &&
    (decision === "" || event.decision === decision) &&
    (requestId === "" || event.request === requestId) &&
    (approvalId === "" || event.approval?.id === approvalId) &&
    within(filter, event.time)
  );
}

function within({ since, until }: AuditFilter, time: string): boolean {
  if (since === -Infinity && until === Infinity) return true;
  const at = Date.parse(time);
  return at >= since && at < until;
}
