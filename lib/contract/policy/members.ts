/**
 * Members of groups and rules: who is meant.
 *
 *     user:alice                    one principal, by its exact id
 *     jwt:https://issuer.example:*  everybody whom this issuer names (`*` only there, after the last colon)
 *     group:payments/operators      a group of the document, by its qualified name
 *     claim:oidc:ISSUER#NAME=VALUE  whoever this issuer said that of (claim-member.ts); claim:jwt: for tokens of a key set
 *     *                             everybody
 *
 * Ids are compared whole and as they are. What a caller chose (a subject, a name) is never read as a pattern: only the
 * document holds patterns, and a colon inside a subject is escaped when the principal's id is made, so that the issuer
 * `https://a` never takes in what the issuer `https://a:8443` says.
 */

import { readClaimMember, type ClaimMember } from "./claim-member.ts";

/** A namespace as requests spell it. */
export const NAMESPACE_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;
const GROUP_NAME = /^(\*|[a-z0-9][a-z0-9-]{0,62})\/[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** What the vault makes ids of; `ceremony:` is the server itself, which no policy governs. */
const PRINCIPAL = /^(?!group:|ceremony:|claim:)(?:[a-z][a-z0-9-]*:[^\p{Cc}\p{Cf}*]{1,512}|development)$/u;
const PATTERN = /^(?!group:|ceremony:|claim:)[a-z][a-z0-9-]*:(?:[^\p{Cc}\p{Cf}*]{1,512}:)?\*$/u;

export type Member =
  | { readonly kind: "principal"; readonly id: string }
  | { readonly kind: "pattern"; readonly prefix: string }
  | { readonly kind: "group"; readonly name: string }
  | ClaimMember
  | { readonly kind: "everybody" };

/** Reads one member; undefined when it is none. */
export function readMember(text: string): Member | undefined {
  if (text === "*") return { kind: "everybody" };
  if (text.startsWith("group:")) {
    const name = text.slice("group:".length);
    return isGroupName(name) ? { kind: "group", name } : undefined;
  }
  if (text.startsWith("claim:")) return readClaimMember(text);
  if (PATTERN.test(text)) return { kind: "pattern", prefix: text.slice(0, -1) };
  return PRINCIPAL.test(text) ? { kind: "principal", id: text } : undefined;
}

/** Whether the text is the qualified name of a group. */
export const isGroupName = (text: string): boolean => GROUP_NAME.test(text);

/** The namespace that a group belongs to, or `*`. */
export const groupNamespace = (name: string): string => name.slice(0, name.indexOf("/"));

/**
 * Whether a pattern takes in the principal: the prefix, then a name without a colon. What forbids takes in whatever the
 * prefix fits (`widely`): where a name could be read in two ways, each rule reads it so that less is allowed.
 */
export const patternMatches = (prefix: string, id: string, widely: boolean): boolean =>
  id.length > prefix.length && id.startsWith(prefix) && (widely || !id.includes(":", prefix.length));
