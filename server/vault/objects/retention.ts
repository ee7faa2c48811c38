/**
 * Retention: how long a revoked key is kept before its destruction is asked for.
 *
 * Every version is kept for the longest of what counts for its key: the namespace's default, the classes of its tags, and
 * an override for the key, which can only lengthen. An override for the very version stands in the place of all of these,
 * longer or shorter. Time counts from the revocation, of the version if it was revoked by itself, otherwise of the key.
 * A revoked key goes when the last of its versions may; an older version that was revoked by itself goes alone when it
 * may. Where nothing counts, nothing ends.
 */
import type { KeyAttributes, VersionAttributes } from "./attributes.ts";

/** What counts for keys of one namespace, or of all. Times are in milliseconds. */
export interface RetentionClasses {
  /** For every key, whatever its tags. */
  readonly keep?: number;
  readonly tags: ReadonlyMap<string, number>;
}

/** An exception, for a key or for one version of it. */
export interface RetentionOverride {
  /** Left out = in every namespace. */
  readonly namespace?: string;
  readonly keyId: string;
  /** Left out = the key: then it only lengthens. */
  readonly version?: number;
  readonly keep: number;
}

export interface RetentionRules extends RetentionClasses {
  readonly overrides: readonly RetentionOverride[];
  /** What a namespace says of its own: its default and its tags stand in the place of the general ones. */
  readonly namespaces: ReadonlyMap<string, RetentionClasses>;
}

export const NO_RETENTION: RetentionRules = Object.freeze({ tags: new Map<string, number>(), overrides: [], namespaces: new Map() });

/** The classes by tag: whoever changes such a tag changes when a key ends. */
export const retentionTags = ({ tags, namespaces }: RetentionRules): readonly RetentionTags[] =>
  [
    { tags: new Set(tags.keys()), namespaces: "all" as const },
    ...[...namespaces].map(([namespace, own]) => ({ tags: new Set(own.tags.keys()), namespaces: new Set([namespace]) })),
  ]
    .filter((one) => one.tags.size > 0)
    .map((one) => ({ name: "the retention", ...one, gives: false }));

/** In the shape that rules about tags have. */
export interface RetentionTags {
  readonly name: string;
  readonly tags: ReadonlySet<string>;
  readonly namespaces: "all" | ReadonlySet<string>;
  readonly gives: boolean;
}

/** The end of something that was revoked, and what made it so. */
export interface RetentionEnd {
  readonly at: number;
  /** A tag, `default` or `override`. */
  readonly because: string;
}

interface Which {
  readonly namespace: string;
  readonly keyId: string;
}

const isRevoked = (state: string): boolean => state === "revoked" || state === "compromised";

/** How long a version is kept and why, or undefined. */
function keepOf(
  { namespace, keyId }: Which,
  tags: readonly string[],
  version: number,
  rules: RetentionRules,
): { readonly keep: number; readonly because: string } | undefined {
  const ours = rules.overrides.filter((override) => override.keyId === keyId && (override.namespace ?? namespace) === namespace);
  // Of two for the same version the one that names the namespace.
  const exact = ours.filter((override) => override.version === version);
  const replaced = exact.find((override) => override.namespace !== undefined) ?? exact[0];
  if (replaced !== undefined) return { keep: replaced.keep, because: "override" };
  const own = rules.namespaces.get(namespace);
  const general = own?.keep ?? rules.keep;
  const counting = [
    ...tags.flatMap((tag) => {
      const keep = own?.tags.get(tag) ?? rules.tags.get(tag);
      return keep === undefined ? [] : [{ keep, because: tag }];
    }),
    ...(general === undefined ? [] : [{ keep: general, because: "default" }]),
    ...ours.filter((override) => override.version === undefined).map(({ keep }) => ({ keep, because: "override" })),
  ];
  return counting.reduce<(typeof counting)[number] | undefined>(
    (longest, one) => (longest === undefined || one.keep > longest.keep ? one : longest),
    undefined,
  );
}

/** When an older version that was revoked by itself has been kept long enough; undefined for every other. */
export function versionRetentionEnd(
  which: Which,
  { tags, current }: KeyAttributes,
  version: VersionAttributes,
  rules: RetentionRules,
): RetentionEnd | undefined {
  if (version.version === current || !isRevoked(version.state) || version.revocation === undefined) return undefined;
  const kept = keepOf(which, tags, version.version, rules);
  return kept === undefined ? undefined : { at: version.revocation.time + kept.keep, because: kept.because };
}

/** When a revoked key has been kept long enough; undefined for every other key, and while one of its versions has no end. */
export function retentionEnd(which: Which, attributes: KeyAttributes, rules: RetentionRules): RetentionEnd | undefined {
  const { state, tags, revocation, versions } = attributes;
  if (!isRevoked(state) || revocation === undefined) return undefined;
  let last: RetentionEnd | undefined;
  for (const version of versions) {
    if (version.state === "destroyed") continue;
    const kept = keepOf(which, tags, version.version, rules);
    if (kept === undefined) return undefined;
    const end = versionRetentionEnd(which, attributes, version, rules) ?? { at: revocation.time + kept.keep, because: kept.because };
    if (last === undefined || end.at > last.at) last = end;
  }
  return last;
}
