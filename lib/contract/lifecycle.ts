/**
 * The life of a key, said once: its states, what each state permits, and which operation leads from which state to
 * which. The vault enforces these rows, the documentation prints them and the tests walk them; no other file decides
 * what a state means.
 *
 * A key has a state and each of its versions has one. The current version is `active` for as long as it is current;
 * an older one begins as `deactivated` and goes on by the same transitions as a key. What counts for a use is the
 * *stricter* of the two (see {@link effectiveState}): suspending a key suspends all of it, and a revoked version stays
 * revoked in an active key.
 *
 * @see NIST SP 800-57 Part 1 Rev. 5 §7; KMIP 2.1 §4.57 (State); RFC 5280 §5.3.1 (reasons)
 */
import type { KeyUse } from "./operation.ts";

/** What may be done with a key in a state. */
export type Permitted =
  /** Every usage the key has. */
  | "everything"
  /** Only what opens or checks something that was made earlier. */
  | "past"
  /** The same, for principals with the permission `key:use_revoked`; recorded as such. */
  | "past with key:use_revoked"
  | "nothing";

export interface StateRow {
  /** Enum value of proto/hsm/hsm.proto. */
  readonly proto: string;
  /** How people may also call it. */
  readonly aliases: readonly string[];
  readonly permitted: Permitted;
  /** Of a key's and a version's state, the one with the larger number counts. */
  readonly strictness: number;
  /** KMIP state; what KMIP has no word for is the nearest one that permits no more. */
  readonly kmip: string;
  readonly meaning: string;
}

/** Every state. */
export const STATES = Object.freeze({
  pre_activation: {
    proto: "KEY_STATE_PRE_ACTIVATION",
    aliases: ["staged", "pending"],
    permitted: "nothing",
    strictness: 5,
    kmip: "Pre-Active",
    meaning: "Made, not yet usable; becomes active by ActivateKey or at its activation date.",
  },
  active: {
    proto: "KEY_STATE_ACTIVE",
    aliases: [],
    permitted: "everything",
    strictness: 0,
    kmip: "Active",
    meaning: "Usable for everything it is for.",
  },
  suspended: {
    proto: "KEY_STATE_SUSPENDED",
    aliases: [],
    permitted: "nothing",
    strictness: 4,
    kmip: "Deactivated",
    meaning: "Out of use for a while; ResumeKey makes it active again.",
  },
  deactivated: {
    proto: "KEY_STATE_DEACTIVATED",
    aliases: ["inactive"],
    permitted: "past",
    strictness: 1,
    kmip: "Deactivated",
    meaning: "Makes nothing new; still verifies and decrypts. Older versions of a rotated key are here.",
  },
  revoked: {
    proto: "KEY_STATE_REVOKED",
    aliases: [],
    permitted: "past with key:use_revoked",
    strictness: 2,
    kmip: "Deactivated",
    meaning: "No longer to be relied on; what it protected can still be opened by those who may.",
  },
  compromised: {
    proto: "KEY_STATE_COMPROMISED",
    aliases: [],
    permitted: "past with key:use_revoked",
    strictness: 3,
    kmip: "Compromised",
    meaning: "Known or feared to be in other hands since the compromise date.",
  },
  purge_scheduled: {
    proto: "KEY_STATE_PURGE_SCHEDULED",
    aliases: [],
    permitted: "nothing",
    strictness: 6,
    kmip: "Deactivated",
    meaning: "Its material is destroyed when its time comes, unless CancelDestruction returns it to the state before.",
  },
  destroyed: {
    proto: "KEY_STATE_DESTROYED",
    aliases: [],
    permitted: "nothing",
    strictness: 7,
    kmip: "Destroyed",
    meaning: "The material is gone; the id stays taken.",
  },
} satisfies Record<string, StateRow>);

export type KeyStateName = keyof typeof STATES;
export const STATE_NAMES = Object.freeze(Object.keys(STATES)) as readonly KeyStateName[];

/**
 * Which usages make something new, and which open or check what was made earlier. The types demand a line for every
 * use there is. Letting material out, under protection or not, opens what was made earlier.
 */
export const USAGE_TENSES: Readonly<Record<KeyUse, "new" | "past">> = Object.freeze({
  sign: "new",
  verify: "past",
  encrypt: "new",
  decrypt: "past",
  mac: "new",
  verify_mac: "past",
  wrap_data_key: "new",
  encapsulate: "new",
  decapsulate: "past",
  // A derived key may be the one that something of before was protected with.
  derive: "past",
  wrap: "new",
  unwrap: "past",
  export: "past",
  // The copy makes new things in its turn.
  copy: "new",
});

export interface TransitionRow {
  /** The operation that makes it. */
  readonly operation: string;
  readonly from: readonly KeyStateName[];
  /** The state after it; "same" = the operation changes something else; "before" = the state before the destruction was scheduled. */
  readonly to: KeyStateName | "same" | "before";
  /** When it has a condition beyond its states. */
  readonly when?: string;
  /** May be asked of one version instead of the key. */
  readonly versions: boolean;
}

const LIVING: readonly KeyStateName[] = ["pre_activation", "active", "suspended", "deactivated", "revoked", "compromised"];

/** Every way from state to state, and every other operation on a key whose permission depends on the state. */
export const TRANSITIONS: readonly TransitionRow[] = Object.freeze([
  { operation: "ActivateKey", from: ["pre_activation"], to: "active", versions: false },
  { operation: "SuspendKey", from: ["active"], to: "suspended", versions: false },
  { operation: "ResumeKey", from: ["suspended"], to: "active", versions: false },
  { operation: "DeactivateKey", from: ["active", "suspended"], to: "deactivated", versions: false },
  {
    operation: "RevokeKey",
    from: ["pre_activation", "active", "suspended", "deactivated"],
    to: "revoked",
    when: "the reason is not a compromise",
    versions: true,
  },
  {
    operation: "RevokeKey",
    from: ["pre_activation", "active", "suspended", "deactivated", "revoked"],
    to: "compromised",
    when: "the reason is a compromise",
    versions: true,
  },
  { operation: "DestroyKey", from: LIVING, to: "purge_scheduled", versions: true },
  { operation: "CancelDestruction", from: ["purge_scheduled"], to: "before", versions: true },
  { operation: "ApprovePurge", from: ["purge_scheduled"], to: "same", when: "the destruction waits for approval", versions: true },
  { operation: "PurgeKey", from: ["purge_scheduled"], to: "destroyed", when: "the destruction is due", versions: true },
  { operation: "DeleteKey", from: [...LIVING, "purge_scheduled"], to: "destroyed", versions: false },
  { operation: "RotateKey", from: ["active"], to: "same", versions: false },
  { operation: "RollbackKey", from: ["active"], to: "same", when: "the version promoted is deactivated", versions: false },
  // A destruction that retention asked for is held off by another tag: that must be possible while it waits.
  { operation: "UpdateKey", from: [...LIVING, "purge_scheduled"], to: "same", versions: false },
  { operation: "SetAttributes", from: LIVING, to: "same", versions: false },
] satisfies readonly TransitionRow[]);

/** Why a key was revoked, with the names of RFC 5280 and the KMIP revocation reason codes. */
export const REVOCATION_REASONS = Object.freeze({
  unspecified: { proto: "REVOCATION_REASON_UNSPECIFIED", rfc5280: "unspecified", kmip: "Unspecified", compromise: false },
  key_compromise: { proto: "REVOCATION_REASON_KEY_COMPROMISE", rfc5280: "keyCompromise", kmip: "Key Compromise", compromise: true },
  ca_compromise: { proto: "REVOCATION_REASON_CA_COMPROMISE", rfc5280: "cACompromise", kmip: "CA Compromise", compromise: true },
  affiliation_changed: {
    proto: "REVOCATION_REASON_AFFILIATION_CHANGED",
    rfc5280: "affiliationChanged",
    kmip: "Affiliation Changed",
    compromise: false,
  },
  superseded: { proto: "REVOCATION_REASON_SUPERSEDED", rfc5280: "superseded", kmip: "Superseded", compromise: false },
  cessation_of_operation: {
    proto: "REVOCATION_REASON_CESSATION_OF_OPERATION",
    rfc5280: "cessationOfOperation",
    kmip: "Cessation of Operation",
    compromise: false,
  },
  privilege_withdrawn: {
    proto: "REVOCATION_REASON_PRIVILEGE_WITHDRAWN",
    rfc5280: "privilegeWithdrawn",
    kmip: "Privilege Withdrawn",
    compromise: false,
  },
} as const);

export type RevocationReason = keyof typeof REVOCATION_REASONS;

/** Of a key's and a version's state, the one that counts. */
export const effectiveState = (key: KeyStateName, version: KeyStateName): KeyStateName =>
  STATES[key].strictness >= STATES[version].strictness ? key : version;

/** Whether a key in this state may be used so; "revoked" = only with `key:use_revoked`. */
export function permittedUse(state: KeyStateName, usage: KeyUse): "yes" | "no" | "revoked" {
  const { permitted } = STATES[state];
  if (permitted === "everything") return "yes";
  if (permitted === "nothing" || USAGE_TENSES[usage] === "new") return "no";
  return permitted === "past" ? "yes" : "revoked";
}

/**
 * Where an operation leads from a state, or undefined when the state forbids it.
 *
 * @param compromise for RevokeKey: whether the reason is a compromise
 * @throws {TypeError} for an operation that has no row
 */
export function transition(operation: string, from: KeyStateName, compromise = false): TransitionRow | undefined {
  const rows = TRANSITIONS.filter((row) => row.operation === operation);
  if (rows.length === 0) throw new TypeError(`${operation} has no row in the lifecycle table`);
  const row = rows.length === 1 ? rows[0] : rows.find(({ to }) => (to === "compromised") === compromise);
  return row?.from.includes(from) === true ? row : undefined;
}
