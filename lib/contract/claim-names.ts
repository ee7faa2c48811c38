/**
 * Names of claims, as far as something hangs on which they are: whom their bearers could not have made up.
 *
 * One list for the configuration's mappings and for the policy's members, so that what the one refuses the other does not
 * let in.
 */

/** Claims that their bearers, or administrators of other organisations, can set to anything. */
export const SELF_CHOSEN_CLAIMS: readonly string[] = Object.freeze([
  "name",
  "nickname",
  "preferred_username",
  "upn",
  "unique_name",
  "given_name",
  "family_name",
]);

/** About the token itself, and nothing about its bearer: no session keeps them. */
export const CLAIMS_OF_THE_TOKEN: readonly string[] = Object.freeze([
  "exp",
  "iat",
  "nbf",
  "jti",
  "nonce",
  "at_hash",
  "c_hash",
  "s_hash",
  "auth_time",
  "sid",
]);

/**
 * The way to a claim, member by member: a name, or a JSON pointer (RFC 6901 §3) when it begins with `/`.
 *
 * @returns undefined for a pointer with a `~` that stands for nothing
 */
export function claimPath(name: string): readonly string[] | undefined {
  if (!name.startsWith("/")) return [name];
  if (/~(?![01])/.test(name)) return undefined;
  return name
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The claim's name where it stands at the top, however it is spelled; undefined for what lies deeper. */
export function topClaim(name: string): string | undefined {
  const [first, ...more] = claimPath(name) ?? [];
  return more.length === 0 ? first : undefined;
}
