/**
 * What a rotation policy makes of a key, and when: as plans, for the duty to carry out.
 *
 * @see NIST SP 800-57 Part 1 Rev. 5 §5.3 (cryptoperiods)
 */
import type { KeyAttributes, RotationRules, VersionAttributes } from "./attributes.ts";
import { originOf } from "./lifecycle.ts";

/** When the key should be rotated; undefined without a policy, or while it cannot be. */
export function nextRotation({ state, rotation, versions, current }: KeyAttributes): number | undefined {
  const made = versions.find(({ version }) => version === current)?.createdAt;
  return rotation === undefined || state !== "active" || made === undefined ? undefined : made + rotation.interval;
}

/** When older versions should be revoked. Those whose material is current again are not. */
export function revocations(attributes: KeyAttributes, { overlap, revokeAfterOverlap }: RotationRules): { version: number; at: number }[] {
  if (!revokeAfterOverlap) return [];
  const current = attributes.versions.find(({ version }) => version === attributes.current);
  const origin = current === undefined ? 0 : originOf(attributes, current);
  return attributes.versions.flatMap((version) =>
    version.state === "deactivated" && originOf(attributes, version) !== origin
      ? [{ version: version.version, at: (version.deactivatedAt ?? version.createdAt) + overlap }]
      : [],
  );
}

/** Older versions beyond what the policy keeps, the oldest first, and since when they are too many. */
export function excess(attributes: KeyAttributes, { maxVersions }: RotationRules): { version: number; at: number }[] {
  const kept = (version: VersionAttributes): boolean => version.state !== "purge_scheduled" && version.state !== "destroyed";
  const living = attributes.versions.filter(kept).sort((a, b) => a.version - b.version);
  const at = living.at(-1)?.createdAt ?? 0;
  return living
    .slice(0, Math.max(0, living.length - maxVersions))
    .filter(({ version }) => version !== attributes.current)
    .map(({ version }) => ({ version, at }));
}
