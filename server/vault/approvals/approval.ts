/**
 * A request that waits for others: what is kept of it, and how it moves from state to state.
 *
 *      pending ──► approved ──► (executing ──►) done | failed
 *         └──► denied | cancelled | expired
 *
 * Pure: every function takes the document as it is and gives the document as it becomes, or refuses. Who may take a step is
 * judged in verdicts.ts; that two steps never meet is the lock of the document's change. What is approved moves on only by
 * being performed, and from `executing`, of which nobody knows after a crash whether it was done, nothing is ever repeated.
 */
import type { EvidencedVerdict } from "@keystead/crypto/public/approval-evidence";
import { parseSubject, type ApprovalSubject } from "@keystead/crypto/public/approval-statement";
import { HsmError } from "@keystead/contract/errors";
import type { Vouched } from "../claims.ts";

export const APPROVAL_STATES = Object.freeze([
  "pending",
  "approved",
  "executing",
  "done",
  "failed",
  "denied",
  "cancelled",
  "expired",
] as const);
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** Who asked, as he was known then. */
export interface StoredRequester {
  readonly id: string;
  readonly person: string;
  readonly method: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[] | "all";
  readonly defaultNamespace: string;
  /** When the second factor of the login was given, if one was. */
  readonly mfaAt?: number;
  /** They proved once more who they are, for this one request: the proof was spent with it, and is good for its performance. */
  readonly proven?: true;
  /** What the issuer of their token had said of them. */
  readonly vouched?: Vouched;
}

/** Where a request belongs, and whose roles it asks for. */
export interface Listing {
  readonly namespace: string;
  readonly roles: readonly string[];
}

export const listingFrom = ({ namespace, rules, override }: Pick<ApprovalSubject, "namespace" | "rules" | "override">): Listing => ({
  namespace,
  roles: [...new Set([...rules, ...(override === null ? [] : [override])].flatMap(({ roles }) => roles))],
});

/** Read once of each document without one. */
const read = new WeakMap<Approval, Listing>();

export function listingOf(approval: Approval): Listing {
  const known = approval.listing ?? read.get(approval);
  if (known !== undefined) return known;
  const listing = listingFrom(parseSubject(approval.subject));
  read.set(approval, listing);
  return listing;
}

/** The document. Its material is the exact message while the request waits, and the result afterwards, if one is kept. */
export interface Approval {
  readonly state: ApprovalState;
  /** Canonical text of the subject: what is asked for, and what verdicts are signed on. */
  readonly subject: string;
  readonly requester: StoredRequester;
  /** What a listing needs of the subject, which is long; documents of older versions have only the text. */
  readonly listing?: Listing;
  /** Client address of the request. */
  readonly address: string;
  readonly requestId: string;
  /** Bytes before the message in the material, by which its digest is kept from guessing; 0 = none. */
  readonly saltBytes: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly closedAt?: number;
  readonly verdicts: readonly EvidencedVerdict[];
  /** The quorum was that of the override. */
  readonly overridden?: boolean;
  /** Of done and failed: OK, an error code, or UNKNOWN. */
  readonly outcome?: string;
  readonly detail?: string;
  /** The material is the result, in plain to whom it belongs; `secret`: it is given out once. */
  readonly result?: "open" | "secret";
}

/** Nothing becomes of it any more. */
export const isClosed = ({ state }: Pick<Approval, "state">): boolean =>
  state !== "pending" && state !== "approved" && state !== "executing";

/** @throws {HsmError} OBJECT_CHANGED naming the state it is in instead */
function requireState(approval: Approval, ...states: readonly ApprovalState[]): void {
  if (!states.includes(approval.state)) throw new HsmError("OBJECT_CHANGED", `the request is ${approval.state}`);
}

/** @throws {HsmError} OBJECT_CHANGED when its time is over: what was asked for until then is not done later */
function requireTime(approval: Approval, now: number): void {
  if (now >= approval.expiresAt) throw new HsmError("OBJECT_CHANGED", "the request is expired");
}

const closed = (approval: Approval, state: ApprovalState, now: number, more: Partial<Approval> = {}): Approval => ({
  ...approval,
  ...more,
  state,
  closedAt: now,
});

/**
 * Takes a verdict. One deny ends the request; an approval or override ends the waiting when `enough` says so.
 *
 * @throws {HsmError} OBJECT_CHANGED     it is not pending any more
 * @param stands whether a key still counts: who signed with one that was revoked since may say it again with another
 * @throws {HsmError} PERMISSION_DENIED  the person has given this verdict before
 */
export function withVerdict(
  approval: Approval,
  verdict: EvidencedVerdict,
  enough: (approval: Approval) => "approved" | "overridden" | undefined,
  now: number,
  stands: (keyId: string) => boolean,
): Approval {
  requireState(approval, "pending");
  requireTime(approval, now);
  if (
    approval.verdicts.some(({ person, verdict: given, keyId }) => person === verdict.person && given === verdict.verdict && stands(keyId))
  )
    throw new HsmError("PERMISSION_DENIED", "this person has given this verdict before");
  const next: Approval = { ...approval, verdicts: [...approval.verdicts, verdict] };
  if (verdict.verdict === "deny") return closed(next, "denied", now);
  const reached = enough(next);
  if (reached === undefined) return next;
  return { ...next, state: "approved", ...(reached === "overridden" ? { overridden: true } : {}) };
}

/** The requester takes it back. @throws {HsmError} OBJECT_CHANGED */
export function withdrawn(approval: Approval, now: number): Approval {
  requireState(approval, "pending");
  return closed(approval, "cancelled", now);
}

/** Its time is over, before everybody agreed or before it could be performed. @throws {HsmError} OBJECT_CHANGED */
export function expired(approval: Approval, now: number): Approval {
  requireState(approval, "pending", "approved");
  if (now < approval.expiresAt) throw new HsmError("OBJECT_CHANGED", "the request has time left");
  return closed(approval, "expired", now);
}

/** Its performance begins; for what cannot be recorded together with its effect. @throws {HsmError} OBJECT_CHANGED */
export function begun(approval: Approval, now: number): Approval {
  requireState(approval, "approved");
  requireTime(approval, now);
  return { ...approval, state: "executing" };
}

/** It was performed, or refused. @param outcome OK or an error code @throws {HsmError} OBJECT_CHANGED */
export function performed(
  approval: Approval,
  outcome: string,
  detail: string,
  now: number,
  result: "open" | "secret" | undefined,
): Approval {
  requireState(approval, "approved", "executing");
  return closed(approval, outcome === "OK" ? "done" : "failed", now, { outcome, detail, ...(result === undefined ? {} : { result }) });
}

/** The server ended while it was being performed: it is never tried again. @throws {HsmError} OBJECT_CHANGED */
export function lost(approval: Approval, now: number): Approval {
  requireState(approval, "executing");
  return closed(approval, "failed", now, { outcome: "UNKNOWN", detail: "the server ended while it was being performed" });
}

/** A secret result was given out: it is not there any more. @throws {HsmError} OBJECT_CHANGED */
export function fetched(approval: Approval): Approval {
  if (approval.result === undefined) throw new HsmError("OBJECT_CHANGED", "the result was fetched before");
  const { result: _gone, ...rest } = approval;
  return rest;
}
