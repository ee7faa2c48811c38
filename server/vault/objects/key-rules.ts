/**
 * What may be done with a key in its state, for its usage; and which keys a listing asks for.
 *
 * @see NIST SP 800-57 Part 1 Rev. 5 §7
 */
import { ALGORITHMS, type AlgorithmName, type Usage } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { KeyUse } from "@keystead/contract/operation";
import type { KeyAttributes, KeyStateName } from "./attributes.ts";

export interface KeyFilter {
  readonly algorithm: AlgorithmName | undefined;
  readonly state: KeyStateName | undefined;
  readonly tags: readonly string[];
}

/** Usages that make something new; only an active current version may. */
const PRODUCING: ReadonlySet<Usage> = new Set<Usage>(["sign", "encrypt", "mac", "wrap_data_key", "encapsulate"]);

/** Returns when the use is permitted. @throws {HsmError} KEY_USAGE_FORBIDS, KEY_STATE_FORBIDS, OBJECT_NOT_FOUND (version) */
export function permit(attributes: KeyAttributes, keyId: string, usage: KeyUse, version: number, noSuchVersion?: () => HsmError): void {
  if (
    usage === "export" ||
    !attributes.usage.includes(usage) ||
    !(ALGORITHMS[attributes.algorithm].usages as readonly Usage[]).includes(usage)
  ) {
    throw new HsmError("KEY_USAGE_FORBIDS", `key '${keyId}' is not for '${usage}'`);
  }
  if (attributes.state === "destroyed") throw stateForbids(keyId, "destroyed");
  const wanted = attributes.versions.find((candidate) => candidate.version === version);
  if (wanted === undefined) throw noSuchVersion?.() ?? new HsmError("OBJECT_NOT_FOUND", `key '${keyId}' has no version ${version}`);
  if (wanted.state === "destroyed") throw stateForbids(keyId, "destroyed");
  if (PRODUCING.has(usage) && (attributes.state !== "active" || wanted.state !== "active")) throw stateForbids(keyId, wanted.state);
}

/**
 * Returns when the material may leave this way: "wrapped" (encrypted under another key) or "plain".
 *
 * @throws {HsmError} KEY_NOT_EXTRACTABLE, KEY_STATE_FORBIDS, OBJECT_NOT_FOUND (version)
 */
export function permitExport(attributes: KeyAttributes, keyId: string, way: "wrapped" | "plain", version: number): void {
  if (attributes.state === "destroyed") throw stateForbids(keyId, "destroyed");
  const policy = attributes.exportable ?? "never";
  if (policy === "never") throw new HsmError("KEY_NOT_EXTRACTABLE", `key '${keyId}' never leaves the vault`);
  if (policy !== way && policy !== "plain") throw new HsmError("KEY_NOT_EXTRACTABLE", `key '${keyId}' leaves the vault only wrapped`);
  const wanted = attributes.versions.find((candidate) => candidate.version === version);
  if (wanted === undefined) throw new HsmError("OBJECT_NOT_FOUND", `key '${keyId}' has no version ${version}`);
  if (wanted.state === "destroyed") throw stateForbids(keyId, "destroyed");
}

/** The refusal of a state. */
export const stateForbids = (keyId: string, state: KeyStateName): HsmError =>
  new HsmError("KEY_STATE_FORBIDS", `key '${keyId}' is ${state}`);

/** Whether a listing wants this key. Without a state it wants every key that is not destroyed. */
export function matches(attributes: KeyAttributes, filter: KeyFilter): boolean {
  if (filter.state === undefined ? attributes.state === "destroyed" : attributes.state !== filter.state) return false;
  if (filter.algorithm !== undefined && attributes.algorithm !== filter.algorithm) return false;
  return filter.tags.every((tag) => attributes.tags.includes(tag));
}
