/**
 * Retention classes: how long a key is kept after it was revoked, by its tags.
 */
import type { KeyAttributes } from "./attributes.ts";

/** Milliseconds to keep a key that carries the tag, by tag. */
export type RetentionClasses = ReadonlyMap<string, number>;

/** The class that counts for a key, the longest of its tags' ones; undefined when no tag has one. */
export function retentionOf(
  tags: readonly string[],
  classes: RetentionClasses,
): { readonly tag: string; readonly keep: number } | undefined {
  let longest: { tag: string; keep: number } | undefined;
  for (const tag of tags) {
    const keep = classes.get(tag);
    if (keep !== undefined && (longest === undefined || keep > longest.keep)) longest = { tag, keep };
  }
  return longest;
}

/** When a revoked key has been kept long enough, and by which class; undefined for every other key. */
export function retentionEnd(
  { state, tags, revocation }: KeyAttributes,
  classes: RetentionClasses,
): { readonly at: number; readonly tag: string } | undefined {
  if ((state !== "revoked" && state !== "compromised") || revocation === undefined) return undefined;
  const counts = retentionOf(tags, classes);
  return counts === undefined ? undefined : { at: revocation.time + counts.keep, tag: counts.tag };
}
