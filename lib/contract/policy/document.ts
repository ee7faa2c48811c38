/**
 * The policy document: who may do what beyond the built-in roles, as one JSON value that is signed and versioned whole.
 *
 * Roles carried by a certificate or token go on working without it. The document adds roles, binds roles to principals,
 * forbids, and asks for approvals. Lists keep their order; nothing depends on it, because an explicit denial overrides
 * every allowance wherever either stands. This file says the shape; parse.ts reads it and refuses everything else.
 */
import type { Permission } from "../permissions.ts";
import type { KeyFamily } from "./key-families.ts";

/** The only format there is. */
export const POLICY_FORMAT = 1;

/** What a document may hold at most; checked before anything is compiled. */
export const POLICY_LIMITS = Object.freeze({
  /** UTF-8 bytes of the whole document. */
  documentBytes: 262_144,
  roles: 256,
  groups: 512,
  membersPerGroup: 4096,
  bindings: 4096,
  denials: 1024,
  approvals: 256,
  /** Members, namespaces, key ids or tags of one rule. */
  perRule: 256,
  /** Conditions of all rules together: each costs a fraction of a millisecond to compile. */
  conditions: 512,
  /** UTF-16 units of one condition. */
  conditionLength: 1024,
  descriptionLength: 1024,
  quorum: 16,
  approvalSeconds: 30 * 86_400,
});

/** A role of the operator's own. */
export interface PolicyRole {
  readonly description: string;
  readonly permissions: readonly Permission[];
  /** From `key:use:<family>`: the role's uses of keys reach only keys of these families. Undefined: of any. */
  readonly families: readonly KeyFamily[] | undefined;
}

/** Principals under one name. No group is a member of another: who is in it can be read off the document. */
export interface PolicyGroup {
  readonly description: string;
  readonly members: readonly string[];
}

/** Which keys a rule is about: a key is meant when its id or one of its tags is named. */
export interface KeySelector {
  readonly ids: readonly string[];
  readonly tags: readonly string[];
}

/** Where and when a rule holds. */
export interface RuleScope {
  /** Unique in the document; explanations and audit events name it. */
  readonly id: string;
  readonly description: string;
  /** Namespaces by name, or `["*"]`: all of them, and what concerns the whole server. */
  readonly namespaces: readonly string[];
  /** Undefined: everything in the namespaces. */
  readonly keys: KeySelector | undefined;
  /** CEL; undefined: always. */
  readonly condition: string | undefined;
}

/** Gives roles to members. */
export interface PolicyBinding extends RuleScope {
  readonly members: readonly string[];
  readonly roles: readonly string[];
}

/** Forbids, whatever else allows. */
export interface PolicyDenial extends RuleScope {
  readonly members: readonly string[];
  readonly permissions: readonly Permission[] | "all";
}

/** Makes others agree first. */
export interface PolicyApproval extends RuleScope {
  readonly permissions: readonly Permission[];
  /** How many, 1 to 16; the one who asks never counts. */
  readonly quorum: number;
  /** Who may approve: holders of this role. */
  readonly role: string;
  /** How long a request waits, in seconds. */
  readonly expirySeconds: number;
}

/** A whole document, read and checked. */
export interface PolicyDocument {
  readonly format: typeof POLICY_FORMAT;
  readonly roles: ReadonlyMap<string, PolicyRole>;
  /** By qualified name, `NAMESPACE/NAME` or `*` in the place of the namespace. */
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  readonly bindings: readonly PolicyBinding[];
  readonly denials: readonly PolicyDenial[];
  readonly approvals: readonly PolicyApproval[];
}

/** What is in force before anybody has written a document. */
export const EMPTY_POLICY_TEXT = '{"format":1}';

/** One text for one rule: members sorted by name, what is left out left out. */
export function canonicalRule(value: object): string {
  const sorted = (inner: unknown): unknown =>
    inner === null || typeof inner !== "object" || Array.isArray(inner)
      ? inner
      : Object.fromEntries(
          Object.entries(inner)
            .filter(([, member]) => member !== undefined)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, member]) => [name, sorted(member)]),
        );
  return JSON.stringify(sorted(value));
}
