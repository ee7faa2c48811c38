/**
 * What handlers of policy operations may ask of the room that decides: it judges documents and requests, prepares changes
 * and does nothing by itself.
 */
import type { PolicyDifference } from "@keystead/contract/policy/differences";
import type { Principal } from "../authenticate/principal.ts";
import type { Change } from "../objects/change.ts";

/** One version of the policy document. */
export interface PolicyRecord {
  readonly version: number;
  /** Canonical JSON. */
  readonly document: string;
  /** What was signed, canonical JSON. */
  readonly statement: string;
  /** SHA-256 of the statement, hexadecimal. */
  readonly digest: string;
  readonly previous: string;
  readonly author: string;
  readonly comment: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Base64. */
  readonly signature: string;
  readonly publicKey: string;
}

/** What is held of every version. */
export type PolicyHead = Omit<PolicyRecord, "document" | "statement">;

/** Who asks, and from where. */
export interface Caller {
  readonly principal: Principal;
  readonly address: string;
}

/** A request that somebody might make. */
export interface Supposition {
  readonly principal: string;
  readonly roles: readonly string[];
  /** Empty = all. */
  readonly reach: readonly string[];
  readonly method: string;
  /** What the issuer said of them, as members of rules are written. */
  readonly claims: readonly string[];
  readonly operation: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly address: string;
  /** Milliseconds since the epoch; undefined = now. */
  readonly time: number | undefined;
  readonly mfaAt: number | undefined;
  /** Empty = what the key is. */
  readonly algorithm: string;
  readonly tags: readonly string[];
  readonly demands: readonly string[];
}

export interface Step {
  readonly rule: string;
  readonly name: string;
  readonly permission: string;
  readonly applies: boolean;
  readonly detail: string;
}

export interface Finding {
  readonly decision: "allow" | "deny" | "approve";
  readonly rule: string;
  readonly name: string;
  readonly approvals: readonly string[];
  readonly steps: readonly Step[];
}

/** An event of the log, as far as decisions go. */
export interface PastDecision {
  readonly sequence: number;
  readonly time: number;
  readonly principal: string;
  readonly method: string;
  readonly operation: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly demands: readonly string[];
  /** Left out = the log does not say it: events of older versions. */
  readonly address?: string;
  readonly allowed: boolean;
}

/** How a draft sees it. `undetermined`: it rests on what the log does not hold. */
export type Replayed = Finding | "undetermined";

export interface RoleFacts {
  readonly name: string;
  readonly builtIn: boolean;
  readonly description: string;
  readonly permissions: readonly string[];
  readonly families: readonly string[];
}

/** A delegation as callers see it. */
export interface DelegationFacts {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly operation: string;
  readonly condition: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** 0 = none of its own. */
  readonly expiresAt: number;
  /** 0 = as many as one likes. */
  readonly maxUses: number;
  readonly used: number;
}

export interface PolicyControl {
  /** The version in force; undefined when there is none. */
  inForce(): PolicyRecord | undefined;
  /** The version, or the one in force for 0; undefined when there is none. @throws {HsmError} INTEGRITY_FAILURE */
  version(version: number): Promise<PolicyRecord | undefined>;
  /** The newest first. */
  versions(): readonly PolicyHead[];
  /**
   * The next version. Without a change when the one in force is this document already, set after the expected version.
   *
   * @throws {HsmError} INVALID_REQUEST, also when it would shut out its author; OBJECT_CHANGED when another version is in force
   */
  prepare(
    text: string,
    expectedVersion: number,
    comment: string,
    caller: Caller,
  ): Promise<{ record: PolicyRecord; change: Change | undefined }>;
  /** Work on drafts, which costs everybody's time. @throws {HsmError} RATE_LIMITED while the principal has another under way */
  oneAtATime<T>(principal: string, work: () => Promise<T>): Promise<T>;
  /** @throws {HsmError} INVALID_REQUEST */
  differences(before: string, after: string): Promise<readonly PolicyDifference[]>;
  /** @param draft a document; undefined = the one in force @throws {HsmError} INVALID_REQUEST */
  examiner(draft: string | undefined): Promise<(supposed: Supposition) => Promise<Finding>>;
  /** @throws {HsmError} INVALID_REQUEST */
  replayer(draft: string): Promise<(past: PastDecision) => Promise<Replayed>>;
  roles(): readonly RoleFacts[];
  /** @throws {HsmError} INVALID_REQUEST; PERMISSION_DENIED for what the caller may not do itself */
  delegate(
    asked: Pick<DelegationFacts, "to" | "namespace" | "keyId" | "operation" | "condition" | "expiresAt" | "maxUses">,
    caller: Caller,
  ): Promise<{ delegation: DelegationFacts; change: Change }>;
  delegations(namespace: string, keyId: string): readonly DelegationFacts[];
  /** @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  revoke(
    asked: { readonly id: string; readonly namespace: string; readonly keyId: string },
    caller: Caller,
  ): Promise<{ delegation: DelegationFacts; change: Change }>;
}
