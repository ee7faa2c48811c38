/**
 * The steps of a key's life as functions from its attributes to its next ones. They know no store and no clock: the
 * lifecycle table says what is permitted, `now` comes from the caller, and what is returned is true once it is sealed
 * and recorded.
 *
 * Every function throws KEY_STATE_FORBIDS when the table has no such way, those that destroy KEY_ATTRIBUTE_FORBIDS for a key
 * that is not destroyable, and each leaves what it was given alone.
 */
import { HsmError } from "@keystead/contract/errors";
import { REVOCATION_REASONS, STATES, transition, type RevocationReason } from "@keystead/contract/lifecycle";
import type { KeyAttributes, KeyStateName, RevocationFacts, VersionAttributes } from "./attributes.ts";
import { noVersion, requireDestroyable, stateForbids } from "./key-rules.ts";

/** What a step makes of a key. */
export interface Step {
  readonly attributes: KeyAttributes;
  /** Versions whose material goes. */
  readonly removed?: readonly number[];
  /** The older version it is about; without one, the key. */
  readonly about?: number;
}

/** ActivateKey, SuspendKey, ResumeKey and DeactivateKey. Activation and deactivation set the date they happened on. */
export function moveKey(operation: string, keyId: string, before: KeyAttributes, now: number): Step {
  const state = stateAfter(operation, keyId, before.state);
  // A date that has passed is when it happened; whoever comes earlier or without one makes it happen now.
  const dates =
    operation === "ActivateKey"
      ? { startDate: Math.min(before.startDate ?? now, now) }
      : operation === "DeactivateKey"
        ? { endDate: Math.min(before.endDate ?? now, now) }
        : {};
  if (operation === "ActivateKey" && before.endDate !== undefined && before.endDate <= now)
    throw new HsmError("KEY_STATE_FORBIDS", `key '${keyId}' is past its end date`);
  return { attributes: { ...before, ...dates, state, updatedAt: now } };
}

/** Refuses an operation that changes something other than the state. @throws {HsmError} KEY_STATE_FORBIDS */
export function requireState(operation: string, keyId: string, before: KeyAttributes): void {
  stateAfter(operation, keyId, before.state);
}

export interface RevocationRequest {
  /** 0 = the key. */
  readonly version: number;
  readonly reason: RevocationReason;
  /** Milliseconds since the epoch. */
  readonly compromiseDate: number | undefined;
  readonly comment: string;
}

/**
 * RevokeKey. A version's revocation reaches every other version that has the same material.
 *
 * @throws {HsmError} KEY_STATE_FORBIDS; OBJECT_NOT_FOUND (version); INVALID_REQUEST for the current version, or a
 *   compromise date that lies ahead or has no compromise
 */
export function revoke(keyId: string, before: KeyAttributes, request: RevocationRequest, now: number): Step {
  const { compromise } = REVOCATION_REASONS[request.reason];
  if (!compromise && request.compromiseDate !== undefined)
    throw new HsmError("INVALID_REQUEST", `compromise_date: '${request.reason}' is not a compromise`);
  if (request.compromiseDate !== undefined && request.compromiseDate > now)
    throw new HsmError("INVALID_REQUEST", "compromise_date: lies ahead");
  const revocation: RevocationFacts = {
    reason: request.reason,
    time: now,
    comment: request.comment,
    ...(compromise ? { compromiseDate: request.compromiseDate ?? now } : {}),
  };
  if (request.version === 0)
    return { attributes: { ...before, state: stateAfter("RevokeKey", keyId, before.state, compromise), revocation, updatedAt: now } };
  const wanted = olderVersion("RevokeKey", keyId, before, request.version);
  stateAfter("RevokeKey", keyId, wanted.state, compromise);
  const origin = originOf(before, wanted);
  const family = new Set(before.versions.filter((version) => originOf(before, version) === origin).map(({ version }) => version));
  if (family.has(before.current))
    throw new HsmError(
      "INVALID_REQUEST",
      `version ${before.current} of key '${keyId}' is current and has the same material: revoke the key, or rotate it first`,
    );
  const versions = before.versions.map((version): VersionAttributes => {
    if (!family.has(version.version)) return version;
    const next = transition("RevokeKey", version.state, compromise)?.to as KeyStateName | undefined;
    if (next !== undefined) return { ...version, state: next, revocation };
    if (version.purge === undefined) return version;
    // Waiting to be destroyed: what it would return to is stricter now.
    const to = transition("RevokeKey", version.purge.before, compromise)?.to as KeyStateName | undefined;
    return to === undefined ? version : { ...version, revocation, purge: { ...version.purge, before: to } };
  });
  return { attributes: { ...before, versions, updatedAt: now }, about: request.version };
}

/**
 * DestroyKey: schedules.
 *
 * @param at when it is due; undefined = it needs approval first
 * @throws {HsmError} as {@link revoke}
 */
export function scheduleDestruction(
  keyId: string,
  before: KeyAttributes,
  version: number,
  at: number | undefined,
  now: number,
  reason = "",
): Step {
  requireDestroyable(before, keyId);
  const due = {
    ...(at === undefined ? ({ at: 0, needsApproval: true } as const) : { at }),
    ...(reason === "" ? {} : { reason }),
  };
  if (version === 0) {
    const state = stateAfter("DestroyKey", keyId, before.state);
    return { attributes: { ...before, state, purge: { ...due, before: before.state }, updatedAt: now } };
  }
  const wanted = olderVersion("DestroyKey", keyId, before, version);
  const state = stateAfter("DestroyKey", keyId, wanted.state);
  return {
    attributes: replaced(before, { ...wanted, state, purge: { ...due, before: wanted.state } }, now),
    about: version,
  };
}

/**
 * ApprovePurge: what needed approval has it.
 *
 * @throws {HsmError} as {@link revoke}; KEY_STATE_FORBIDS when it needs none
 */
export function approve(
  keyId: string,
  before: KeyAttributes,
  version: number,
  approval: { readonly by: string; readonly at: number },
  now: number,
): Step {
  const wanted = version === 0 ? undefined : olderVersion("ApprovePurge", keyId, before, version);
  stateAfter("ApprovePurge", keyId, wanted?.state ?? before.state);
  const { purge: waiting } = wanted ?? before;
  if (waiting?.needsApproval !== true) throw new HsmError("KEY_STATE_FORBIDS", `the destruction of key '${keyId}' needs no approval`);
  const { needsApproval: _, ...rest } = waiting;
  const approved = { ...rest, at: approval.at, approvedBy: approval.by };
  if (wanted === undefined) return { attributes: { ...before, purge: approved, updatedAt: now } };
  return { attributes: replaced(before, { ...wanted, purge: approved }, now), about: version };
}

/** CancelDestruction. @throws {HsmError} as {@link revoke} */
export function cancelDestruction(keyId: string, before: KeyAttributes, version: number, now: number): Step {
  if (version === 0) {
    stateAfter("CancelDestruction", keyId, before.state);
    const { purge, ...rest } = before;
    return { attributes: { ...rest, state: (purge as NonNullable<typeof purge>).before, updatedAt: now } };
  }
  const wanted = olderVersion("CancelDestruction", keyId, before, version);
  stateAfter("CancelDestruction", keyId, wanted.state);
  const { purge, ...rest } = wanted;
  return {
    attributes: replaced(before, { ...rest, state: (purge as NonNullable<typeof purge>).before }, now),
    about: version,
  };
}

/** PurgeKey: destroys what is due. @throws {HsmError} as {@link revoke}; KEY_STATE_FORBIDS before it is due */
export function purgeDue(keyId: string, before: KeyAttributes, version: number, now: number): Step {
  requireDestroyable(before, keyId);
  const wanted = version === 0 ? undefined : olderVersion("PurgeKey", keyId, before, version);
  stateAfter("PurgeKey", keyId, wanted?.state ?? before.state);
  const { at: due = Infinity, needsApproval } = (wanted ?? before).purge ?? {};
  if (needsApproval === true)
    throw new HsmError("KEY_STATE_FORBIDS", `the destruction of key '${keyId}' waits for approval (ApprovePurge)`);
  if (due > now)
    throw new HsmError("KEY_STATE_FORBIDS", `the destruction of key '${keyId}' is not due before ${new Date(due).toISOString()}`);
  if (wanted === undefined) {
    const { approvedBy, reason = "" } = before.purge ?? {};
    const step = destroyed(before, now);
    if (approvedBy === undefined) return step;
    return { ...step, attributes: { ...step.attributes, destruction: { reason, approvedBy, destroyedAt: now } } };
  }
  return { attributes: replaced(before, bare(wanted), now), removed: [version], about: version };
}

/** DeleteKey: destroys at once. @throws {HsmError} KEY_STATE_FORBIDS; KEY_ATTRIBUTE_FORBIDS */
export function destroyAtOnce(keyId: string, before: KeyAttributes, now: number): Step {
  stateAfter("DeleteKey", keyId, before.state);
  requireDestroyable(before, keyId);
  return destroyed(before, now);
}

/** The attributes with a new current version; the one before makes nothing new from now on. */
export function withNewVersion(before: KeyAttributes, made: VersionAttributes, now: number): KeyAttributes {
  return {
    ...before,
    current: made.version,
    updatedAt: now,
    versions: [
      ...before.versions.map((version) =>
        version.state === "active" ? { ...version, state: "deactivated" as const, deactivatedAt: now } : version,
      ),
      made,
    ],
  };
}

/**
 * The version that RollbackKey promotes.
 *
 * @throws {HsmError} OBJECT_NOT_FOUND; INVALID_REQUEST for the current version; KEY_STATE_FORBIDS unless the key is
 *   active and the version only deactivated: what was revoked is not to be relied on again
 */
export function versionToPromote(keyId: string, before: KeyAttributes, version: number): VersionAttributes {
  requireState("RollbackKey", keyId, before);
  const wanted = before.versions.find((candidate) => candidate.version === version);
  if (wanted === undefined) throw noVersion(keyId, version);
  if (version === before.current)
    throw new HsmError("INVALID_REQUEST", `version ${version} of key '${keyId}' is the current version already`);
  if (wanted.state !== "deactivated") throw new HsmError("KEY_STATE_FORBIDS", `version ${version} of key '${keyId}' is ${wanted.state}`);
  return wanted;
}

const destroyed = (before: KeyAttributes, now: number): Step => {
  const { purge: _, ...rest } = before;
  return {
    attributes: { ...rest, state: "destroyed", updatedAt: now, versions: before.versions.map(bare) },
    removed: before.versions.filter(({ state }) => state !== "destroyed").map(({ version }) => version),
  };
};

/** A version without material: what happened to it stays known. */
function bare(version: VersionAttributes): VersionAttributes {
  const { purge: _, ...rest } = version;
  return { ...rest, state: "destroyed", publicKey: "" };
}

function stateAfter(operation: string, keyId: string, from: KeyStateName, compromise = false): KeyStateName {
  const row = transition(operation, from, compromise);
  if (row === undefined) throw stateForbids(keyId, from);
  return Object.hasOwn(STATES, row.to) ? (row.to as KeyStateName) : from;
}

/** A version that has a life of its own, in a key that is still to be changed. */
function olderVersion(operation: string, keyId: string, before: KeyAttributes, version: number): VersionAttributes {
  // A key that waits for its end is not changed version by version.
  requireState("SetAttributes", keyId, before);
  const wanted = before.versions.find((candidate) => candidate.version === version);
  if (wanted === undefined) throw noVersion(keyId, version);
  if (version === before.current)
    throw new HsmError(
      "INVALID_REQUEST",
      `version ${version} of key '${keyId}' is current: ${operation} without a version is about the key`,
    );
  return wanted;
}

const replaced = (before: KeyAttributes, wanted: VersionAttributes, now: number): KeyAttributes => ({
  ...before,
  updatedAt: now,
  versions: before.versions.map((version) => (version.version === wanted.version ? wanted : version)),
});

/** The version whose material this one has, itself or by promotion. */
export function originOf(attributes: KeyAttributes, version: VersionAttributes): number {
  let origin = version;
  while (origin.promotedFrom !== undefined) {
    const from = attributes.versions.find((candidate) => candidate.version === origin.promotedFrom);
    if (from === undefined) return origin.promotedFrom;
    origin = from;
  }
  return origin.version;
}
