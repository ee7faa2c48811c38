/**
 * Members by what an issuer said of somebody: `claim:METHOD:ISSUER#NAME=VALUE`.
 *
 *     claim:oidc:https://idp.example#groups=hsm-operators
 *     claim:jwt:https://ci.example#/project/team=payments
 *
 * METHOD is `oidc` for providers and `jwt` for key sets. NAME is a claim, or a JSON pointer of two parts and more to what
 * lies deeper. VALUE is compared whole. In each of the three parts `%`, `#`, `=` and `*` are written `%25`, `%23`, `%3D` and
 * `%2A`, and nothing else is escaped: one meaning has one spelling, so that texts can be compared and searched for.
 *
 * Refused by name: claims that their bearers choose, and those that are about the token.
 */
import { CLAIMS_OF_THE_TOKEN, claimPath, SELF_CHOSEN_CLAIMS } from "../claim-names.ts";

export interface ClaimMember {
  readonly kind: "claim";
  readonly scheme: "jwt" | "oidc";
  readonly issuer: string;
  readonly name: string;
  readonly value: string;
}

const MEMBER = /^claim:(jwt|oidc):([^#=*\p{Cc}\p{Cf}]+)#([^#=*\p{Cc}\p{Cf}]+)=([^#=*\p{Cc}\p{Cf}]+)$/u;
const ESCAPED = /%(25|23|3D|2A)/g;
const STRAY = /%(?!25|23|3D|2A)/;

const unescaped = (text: string): string => text.replace(ESCAPED, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
const escaped = (text: string): string =>
  text.replace(/[%#=*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);

/** Reads one; undefined when it is none. */
export function readClaimMember(text: string): ClaimMember | undefined {
  const [, scheme, issuer = "", name = "", value = ""] = MEMBER.exec(text) ?? [];
  if ((scheme !== "jwt" && scheme !== "oidc") || STRAY.test(text)) return undefined;
  const member = { kind: "claim", scheme, issuer: unescaped(issuer), name: unescaped(name), value: unescaped(value) } as const;
  return isNameable(member.name) ? member : undefined;
}

/** The one text of a member. */
export const claimMemberText = ({ scheme, issuer, name, value }: Omit<ClaimMember, "kind">): string =>
  `claim:${scheme}:${escaped(issuer)}#${escaped(name)}=${escaped(value)}`;

function isNameable(name: string): boolean {
  const path = claimPath(name);
  // A pointer of one part would be another spelling of a claim's name.
  if (path === undefined || (name.startsWith("/") && path.length === 1)) return false;
  return path.length > 1 || !(SELF_CHOSEN_CLAIMS.includes(name) || CLAIMS_OF_THE_TOKEN.includes(name));
}
