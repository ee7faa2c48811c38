/**
 * The audit log held against the evidence of approvals, offline: what needed approval was performed only after so many persons
 * had signed that very request, in time, and once.
 *
 * The log says what happened and in which order, and has of each verdict the statement's digest, the key and the signature;
 * evidence has the statements. Neither is believed alone. The chain of hashes is followed here; that the log is the vault's is
 * proven by its MACs (`keystead audit verify`), for which one needs the vault's key.
 *
 * Memory grows with the approvals, not with the log: events are given one by one, in order.
 */
import { hash } from "node:crypto";
import { checkEvidence, type ApprovalEvidence, type EvidencedVerdict } from "./approval-evidence.ts";
import { parseSubject, statementBytes, statementDigest, type ApprovalSubject, type Verdict } from "./approval-statement.ts";

/** What is read of an event. */
interface LoggedEvent {
  readonly action: string;
  readonly approval?: { readonly id: string; readonly digest?: string; readonly key?: string; readonly signature?: string };
  readonly decision: string;
  readonly key: string;
  readonly namespace: string;
  readonly outcome: string;
  readonly payload: string;
  readonly previous: string;
  readonly principal: string;
  readonly sequence: number;
  readonly time: string;
}

interface Traces {
  readonly held: LoggedEvent[];
  readonly verdicts: LoggedEvent[];
  readonly cancelled: LoggedEvent[];
  /** Every attempt to perform it. */
  readonly runs: LoggedEvent[];
}

/** Of one pending request. */
export interface CheckedApproval {
  readonly id: string;
  /** Empty when the log does not say. */
  readonly operation: string;
  readonly performed: boolean;
  /** Empty when everything holds. */
  readonly problems: readonly string[];
}

export interface LogReport {
  readonly events: number;
  readonly approvals: readonly CheckedApproval[];
  /** Of the log itself. */
  readonly problems: readonly string[];
}

/** A version of the policy, for telling which one was in force. Milliseconds since the epoch. */
export interface KnownPolicy {
  readonly digest: string;
  readonly createdAt: number;
}

const GENESIS = "0".repeat(64);
const VERDICT_OF: Readonly<Record<string, Verdict>> = { ApproveRequest: "approve", DenyRequest: "deny", OverrideApproval: "override" };
const MOST_PROBLEMS = 100;

export class ApprovalLogCheck {
  readonly #traces = new Map<string, Traces>();
  readonly #problems: string[] = [];
  #events = 0;
  #last: { readonly hash: string; readonly sequence: number } | undefined;

  /** The next event, as it stands in the log (canonical JSON). */
  event(canonical: string): void {
    let event: LoggedEvent | undefined;
    try {
      event = JSON.parse(canonical) as LoggedEvent;
    } catch {
      event = undefined;
    }
    if (typeof event?.sequence !== "number") {
      this.#problem(`what follows event ${this.#last?.sequence ?? 0} is no event`);
      return;
    }
    this.#events += 1;
    const before = this.#last ?? (event.sequence === 1 ? { hash: GENESIS, sequence: 0 } : undefined);
    if (before !== undefined && (event.previous !== before.hash || event.sequence !== before.sequence + 1))
      this.#problem(`event ${event.sequence} does not follow event ${before.sequence}`);
    this.#last = { hash: hash("sha256", canonical, "hex"), sequence: event.sequence };
    const { approval, action, outcome, decision } = event;
    if (approval === undefined) return;
    const traces = this.#traces.get(approval.id) ?? { held: [], verdicts: [], cancelled: [], runs: [] };
    this.#traces.set(approval.id, traces);
    if (decision === "pending") traces.held.push(event);
    else if (VERDICT_OF[action] !== undefined) {
      if (outcome === "OK") traces.verdicts.push(event);
    } else if (action === "CancelRequest") {
      if (outcome === "OK") traces.cancelled.push(event);
    } else if (action !== "GetApproval") traces.runs.push(event);
  }

  /**
   * What does not hold.
   *
   * @param known    public keys that the checker trusts (PEM or base64); without any, those in the evidence are taken
   * @param policies versions of the policy, the oldest first; undefined: which one was in force is not looked at
   * @throws {HsmError} INVALID_REQUEST   evidence, or a key, cannot be read
   */
  finish(evidence: readonly ApprovalEvidence[], known: readonly string[] = [], policies?: readonly KnownPolicy[]): LogReport {
    const byId = new Map(evidence.map((one) => [parseSubject(one.subject).approval, one] as const));
    const ids = [...new Set([...this.#traces.keys(), ...byId.keys()])].sort();
    const approvals = ids.map((id): CheckedApproval => {
      const traces = this.#traces.get(id) ?? { held: [], verdicts: [], cancelled: [], runs: [] };
      const given = byId.get(id);
      const performed = traces.runs.some(({ outcome }) => outcome === "OK");
      const operation = traces.held[0]?.action ?? traces.runs[0]?.action ?? "";
      if (given !== undefined) return { id, operation, performed, problems: problemsOf(traces, given, known, policies) };
      const needed = performed || traces.verdicts.length > 0;
      return { id, operation, performed, problems: needed ? ["there is no evidence of it"] : [] };
    });
    return { events: this.#events, approvals, problems: this.#problems };
  }

  #problem(text: string): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(text);
  }
}

function problemsOf(
  { held, verdicts, cancelled, runs }: Traces,
  evidence: ApprovalEvidence,
  known: readonly string[],
  policies: readonly KnownPolicy[] | undefined,
): string[] {
  const subject = parseSubject(evidence.subject);
  const problems: string[] = [];
  const demand = (holds: boolean, problem: string): void => void (holds || problems.push(problem));
  const created = Date.parse(subject.created);
  const expires = Date.parse(subject.expires);
  const isOf = ({ action, principal, namespace, key }: LoggedEvent): boolean =>
    action === subject.operation && principal === subject.requester && namespace === subject.namespace && key === subject.key;

  const [asked] = held;
  demand(asked !== undefined, "the log does not know that it was asked for");
  demand(held.every(isOf), "the log knows another request by this id");
  demand(asked === undefined || Date.parse(asked.time) >= created, "it was asked for before it was made");
  if (policies !== undefined) demand(policyHolds(subject, policies, created), "another policy was in force when it was asked for");

  // Every verdict of the log has its statement in the evidence, and the other way round.
  const left = [...evidence.verdicts];
  const proven: { readonly verdict: EvidencedVerdict; readonly event: LoggedEvent }[] = [];
  for (const event of verdicts) {
    const at = left.findIndex((one) => isSame(event, one, subject));
    if (at === -1) problems.push(`event ${event.sequence}: there is no evidence of this ${VERDICT_OF[event.action]}`);
    else proven.push({ verdict: left.splice(at, 1)[0] as EvidencedVerdict, event });
    const time = Date.parse(event.time);
    demand(time >= created && time <= expires, `event ${event.sequence}: the verdict was given outside the request's time`);
  }
  for (const one of left) problems.push(`the log does not know the ${one.verdict} of ${one.principal}`);
  const report = checkEvidence({ ...evidence, verdicts: proven.map(({ verdict }) => verdict) }, known);
  problems.push(...report.problems);

  const done = runs.filter(({ outcome }) => outcome === "OK");
  demand(done.length <= 1, `it was performed ${done.length} times`);
  for (const run of runs) {
    const before = proven.filter(({ event }) => event.sequence < run.sequence).map(({ verdict }) => verdict);
    demand(isOf(run), `event ${run.sequence}: what was performed is not what was asked for`);
    const last = runs.at(-1) === run;
    if (run.outcome !== "OK") {
      demand(last, `event ${run.sequence}: it was tried again after it had been refused`);
      continue;
    }
    demand(last, `event ${run.sequence}: it was tried again after it had been performed`);
    demand(run.payload === subject.payload || holdsSecret(subject), `event ${run.sequence}: the message performed is not the one approved`);
    demand(Date.parse(run.time) < expires, `event ${run.sequence}: it was performed after its time`);
    demand(
      checkEvidence({ ...evidence, verdicts: before }, known).approved,
      `event ${run.sequence}: it was performed before enough had agreed`,
    );
    demand(
      cancelled.every(({ sequence }) => sequence > run.sequence),
      `event ${run.sequence}: it was performed after it had been taken back`,
    );
  }
  return problems;
}

/** The digest of a message with a secret is salted, so that nobody can guess it: it is no digest of what the log has. */
const holdsSecret = ({ request }: ApprovalSubject): boolean => JSON.stringify(request).includes('"[secret]"');

const isSame = ({ action, approval, principal }: LoggedEvent, given: EvidencedVerdict, subject: ApprovalSubject): boolean =>
  VERDICT_OF[action] === given.verdict &&
  principal === given.principal &&
  approval?.key === given.keyId &&
  approval.signature === given.signature &&
  approval.digest === statementDigest(statementBytes(subject, given.verdict, given.reason));

function policyHolds({ policy }: ApprovalSubject, policies: readonly KnownPolicy[], created: number): boolean {
  const named = /(?:^| )policy:(\S+)$/.exec(policy)?.[1];
  const inForce = policies.findLast(({ createdAt }) => createdAt <= created)?.digest ?? "none";
  return named === undefined || named === inForce;
}
