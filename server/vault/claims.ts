/**
 * Claims of a token: what an issuer said of its bearer, and conditions on it, exactly or by a beginning. A leaf: the rooms that
 * say who somebody is and what they may do read claims alike.
 *
 * There are no patterns. A claim that is not there, or is no text (or, where a boolean is wanted, no boolean), fits
 * nothing; of a list, one value must fit.
 */
import { CLAIMS_OF_THE_TOKEN, claimPath, topClaim } from "@keystead/contract/claim-names";
import type { BoundClaim } from "@keystead/contract/config";

export type Claims = Readonly<Record<string, unknown>>;

/** What an issuer said of somebody, by a token that was verified. */
export interface Vouched {
  /** Key set or provider: what the one says is never taken for the word of the other. */
  readonly scheme: "jwt" | "oidc";
  readonly issuer: string;
  /** Of its bearer alone; {@link saidOfBearer}. */
  readonly claims: Claims;
}

/** The claims without those that are about the token itself. */
export const saidOfBearer = (claims: Claims): Claims =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !CLAIMS_OF_THE_TOKEN.includes(name)));

/** The texts that a claim holds: itself, or those in its list. Numbers, booleans and objects are none. */
export function claimTexts(name: string, claims: Claims): readonly string[] {
  const value = claimAt(name, claims);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((one) => typeof one === "string");
}

/** Whether the claim, should it be an address, is one that the issuer has verified: any other is what its owner wrote there. */
export const isVerified = (name: string, claims: Claims): boolean => topClaim(name) !== "email" || claims["email_verified"] === true;

/** Whether every condition holds; one about an address that nobody verified does not. */
export const allHold = (conditions: readonly BoundClaim[], claims: Claims): boolean =>
  conditions.every((condition) => isVerified(condition.claim, claims) && claimFits(condition, claims));

/** Whether one condition holds. */
export function claimFits(condition: BoundClaim, claims: Claims): boolean {
  const value = claimAt(condition.claim, claims);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if ("prefix" in condition) return values.some((one) => typeof one === "string" && one.startsWith(condition.prefix));
  return values.some((one) => (typeof one === "string" || typeof one === "boolean") && condition.oneOf.includes(one));
}

/** The claim of that name, or the one a JSON pointer leads to through objects (RFC 6901 §4). */
function claimAt(name: string, claims: Claims): unknown {
  let at: unknown = claims;
  for (const key of claimPath(name) ?? []) {
    if (at === null || typeof at !== "object" || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined;
    at = (at as Claims)[key];
  }
  return at;
}
