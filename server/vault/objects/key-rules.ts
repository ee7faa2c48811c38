/**
 * What may be done with a key now, by its states, its dates and its usage. What the states mean is the lifecycle table's
 * business (lib/contract/lifecycle.ts).
 *
 * A date that has passed counts at once, whether or not the duty that writes it into the record has come by: a key
 * makes nothing new after its end. The other way round nothing counts before it is written.
 *
 * @see NIST SP 800-57 Part 1 Rev. 5 §7
 */
import { ALGORITHMS, LEAST_MAC_BYTES, type Usage } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { effectiveState, permittedUse } from "@keystead/contract/lifecycle";
import { RSA_RAW } from "@keystead/contract/mechanism-names";
import type { KeyUse } from "@keystead/contract/operation";
import type { KeyAttributes, KeyStateName, VersionAttributes } from "./attributes.ts";

/** Who asks, as far as it matters here, and when. */
export interface Asking {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Holds `key:use_revoked`. */
  readonly mayUseRevoked: boolean;
  /** Has proven once more who they are, for this request alone. */
  readonly reauthenticated: boolean;
}

/** Uses of the public half, which a login of its own protects nothing of. */
const PUBLIC_USES: ReadonlySet<KeyUse> = new Set<KeyUse>(["verify", "verify_mac", "encrypt", "encapsulate", "wrap", "wrap_data_key"]);

/** @throws {HsmError} LOGIN_REQUIRED for a use of a private half that needs a login of its own, without one */
function requireLogin({ alwaysAuthenticate }: KeyAttributes, keyId: string, usage: KeyUse, { reauthenticated }: Asking): void {
  if (alwaysAuthenticate === true && !reauthenticated && !PUBLIC_USES.has(usage))
    throw new HsmError(
      "LOGIN_REQUIRED",
      `key '${keyId}' is used with a proof of its own each time (always_authenticate): Reauthenticate, then ask with its token`,
    );
}

/**
 * Returns when a key may be called trusted: what leaves under it must not be had by other ways, so it wraps keys, never
 * leaves, and did not come of another key, of which whoever uses that one could make a twin that leaves. Whether a key that
 * was imported is known outside is for whoever trusts it to know.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function requireTrustworthy({ usage, exportable, versions, current }: KeyAttributes): void {
  if (!usage.includes("wrap")) throw new HsmError("INVALID_REQUEST", "attributes.trusted: is for keys that wrap keys");
  if (exportable !== "never")
    throw new HsmError("INVALID_REQUEST", "attributes.trusted: is for keys that never leave the vault (exportable: never)");
  if (versions.find(({ version }) => version === current)?.derivedFrom !== undefined)
    throw new HsmError("INVALID_REQUEST", "attributes.trusted: is not for keys that came of another key, which could be made again");
}

/**
 * Returns unless a key would do RSA's bare private operation and be encrypted to, too: that operation is decryption, which
 * would be had without the permission for it, and without what padding and the configuration keep from it.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function requireApart({ usage, allowedMechanisms = [] }: KeyAttributes): void {
  const other = usage.find((use) => use !== "sign" && use !== "verify");
  if (other !== undefined && allowedMechanisms.includes(RSA_RAW))
    throw new HsmError(
      "INVALID_REQUEST",
      `attributes.allowed_mechanisms: '${RSA_RAW}' is for keys that only sign and verify, not '${other}'`,
    );
}

/** Returns unless a key would make codes that are weaker than 112 bits. @throws {HsmError} INVALID_REQUEST */
export function requireStrength({ usage, sizeBytes = LEAST_MAC_BYTES }: KeyAttributes): void {
  const codes = usage.find((use) => use === "mac" || use === "verify_mac");
  if (codes !== undefined && sizeBytes < LEAST_MAC_BYTES)
    throw new HsmError("INVALID_REQUEST", `usage: '${codes}' is for secrets of ${LEAST_MAC_BYTES} bytes and more`);
}

/** @throws {HsmError} KEY_ATTRIBUTE_FORBIDS for a key that is not to be destroyed */
export function requireDestroyable({ destroyable }: KeyAttributes, keyId: string): void {
  if (destroyable === false) throw new HsmError("KEY_ATTRIBUTE_FORBIDS", `key '${keyId}' is not destroyable`);
}

/** The key's own state now. */
export const keyState = ({ state, endDate }: KeyAttributes, now: number): KeyStateName =>
  state === "active" && endDate !== undefined && endDate <= now ? "deactivated" : state;

/** The state that counts for a version now: the stricter of its own and the key's. */
export function versionState(attributes: KeyAttributes, version: VersionAttributes, now: number): KeyStateName {
  const expired = version.state === "active" && version.expiresAt !== undefined && version.expiresAt <= now;
  return effectiveState(keyState(attributes, now), expired ? "deactivated" : version.state);
}

/**
 * The state in which a use is permitted.
 *
 * @throws {HsmError} KEY_USAGE_FORBIDS, KEY_STATE_FORBIDS, OBJECT_NOT_FOUND (version)
 */
export function permit(
  attributes: KeyAttributes,
  keyId: string,
  usage: KeyUse,
  version: number,
  asking: Asking,
  noSuchVersion?: () => HsmError,
): KeyStateName {
  if (
    usage === "export" ||
    usage === "copy" ||
    !attributes.usage.includes(usage) ||
    !(ALGORITHMS[attributes.algorithm].usages as readonly Usage[]).includes(usage)
  ) {
    throw new HsmError("KEY_USAGE_FORBIDS", `key '${keyId}' is not for '${usage}'`);
  }
  requireLogin(attributes, keyId, usage, asking);
  return permitInState(attributes, keyId, usage, version, asking, noSuchVersion);
}

/**
 * The state in which the material may leave this way: "wrapped" (encrypted under another key) or "plain".
 *
 * @throws {HsmError} KEY_NOT_EXTRACTABLE, KEY_STATE_FORBIDS, OBJECT_NOT_FOUND (version)
 */
export function permitExport(
  attributes: KeyAttributes,
  keyId: string,
  way: "wrapped" | "plain",
  version: number,
  asking: Asking,
): KeyStateName {
  if (attributes.state === "destroyed") throw stateForbids(keyId, "destroyed");
  const policy = attributes.exportable;
  if (policy === "never") throw new HsmError("KEY_NOT_EXTRACTABLE", `key '${keyId}' never leaves the vault`);
  if (policy !== way && policy !== "plain") throw new HsmError("KEY_NOT_EXTRACTABLE", `key '${keyId}' leaves the vault only wrapped`);
  requireLogin(attributes, keyId, "export", asking);
  return permitInState(attributes, keyId, "export", version, asking);
}

/**
 * Returns when a key may leave under another: one that may leave in plain would take it along, and a key that asks for
 * trusted ones leaves under no other.
 *
 * @param under the wrapping key; undefined = it leaves in plain, or for a key of somebody else
 * @throws {HsmError} KEY_NOT_EXTRACTABLE
 */
export function permitUnder(
  under: { readonly keyId: string; readonly attributes: KeyAttributes } | undefined,
  target: KeyAttributes,
  targetId: string,
): void {
  if (target.wrapWithTrusted === true && under?.attributes.trusted !== true)
    throw new HsmError("KEY_NOT_EXTRACTABLE", `key '${targetId}' leaves the vault only under a trusted key`);
  if (under === undefined) return;
  const { attributes: wrapping, keyId: wrappingId } = under;
  if (wrapping.exportable === "plain" && target.exportable !== "plain")
    throw new HsmError("KEY_NOT_EXTRACTABLE", `key '${wrappingId}' may leave in plain and key '${targetId}' may not`);
}

/** Returns when a key may be copied now. @throws {HsmError} KEY_STATE_FORBIDS */
export function permitCopy(attributes: KeyAttributes, keyId: string, now: number): void {
  const state = keyState(attributes, now);
  if (state !== "active") throw stateForbids(keyId, state);
}

function permitInState(
  attributes: KeyAttributes,
  keyId: string,
  usage: KeyUse,
  version: number,
  { now, mayUseRevoked }: Asking,
  noSuchVersion?: () => HsmError,
): KeyStateName {
  if (attributes.state === "destroyed") throw stateForbids(keyId, "destroyed");
  const wanted = attributes.versions.find((candidate) => candidate.version === version);
  if (wanted === undefined) throw noSuchVersion?.() ?? noVersion(keyId, version);
  const state = versionState(attributes, wanted, now);
  const permitted = permittedUse(state, usage);
  if (permitted === "no") throw stateForbids(keyId, state);
  if (permitted === "revoked" && !mayUseRevoked)
    throw new HsmError("KEY_STATE_FORBIDS", `key '${keyId}' is ${state}; using it needs the permission key:use_revoked`);
  return state;
}

/** The versions that a use may try, the newest first. */
export const usableVersions = (
  attributes: KeyAttributes,
  usage: KeyUse,
  { now, mayUseRevoked }: Pick<Asking, "now" | "mayUseRevoked">,
): VersionAttributes[] =>
  attributes.versions
    .filter((version) => {
      const permitted = permittedUse(versionState(attributes, version, now), usage);
      return permitted === "yes" || (permitted === "revoked" && mayUseRevoked);
    })
    .sort((a, b) => b.version - a.version);

/** The refusal of a state. */
export const stateForbids = (keyId: string, state: KeyStateName): HsmError =>
  new HsmError("KEY_STATE_FORBIDS", `key '${keyId}' is ${state}`);

/** The refusal of a version that is not there. */
export const noVersion = (keyId: string, version: number): HsmError =>
  new HsmError("OBJECT_NOT_FOUND", `key '${keyId}' has no version ${version}`);
