/**
 * Conditions on the claims of a token: which value a claim must have, exactly or by its beginning.
 *
 * There are no patterns. A claim that is not there, or is no text (or, where a boolean is wanted, no boolean), fits
 * nothing; of a list, one value must fit.
 */
import type { BoundClaim } from "@keystead/contract/config";

export type Claims = Readonly<Record<string, unknown>>;

/** Whether every condition holds. */
export const allHold = (conditions: readonly BoundClaim[], claims: Claims): boolean =>
  conditions.every((condition) => claimFits(condition, claims));

/** Whether one condition holds. */
export function claimFits(condition: BoundClaim, claims: Claims): boolean {
  const value = claimAt(condition.claim, claims);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if ("prefix" in condition) return values.some((one) => typeof one === "string" && one.startsWith(condition.prefix));
  return values.some((one) => (typeof one === "string" || typeof one === "boolean") && condition.oneOf.includes(one));
}

/** The claim of that name, or the one a JSON pointer leads to through objects (RFC 6901 §4). */
function claimAt(name: string, claims: Claims): unknown {
  if (!name.startsWith("/")) return Object.hasOwn(claims, name) ? claims[name] : undefined;
  let at: unknown = claims;
  for (const part of name.slice(1).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (at === null || typeof at !== "object" || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined;
    at = (at as Claims)[key];
  }
  return at;
}
