/**
 * OpenID Connect: where a provider's keys are, and who the bearer of its token is.
 *
 * The provider is the configured issuer, to the letter. A token counts when it was made for our client, or for our
 * audience; roles come from the configuration by exact values of its claims, and never from the token itself.
 *
 * @see OpenID Connect Core 1.0 §2, §3.1.3.7; Discovery 1.0 §3, §4.3; RFC 9068 §4
 */
import type { OidcProvider } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { parseStrictJson } from "@keystead/contract/json";
import { allHold, claimFits, isVerified, type Claims } from "../claims.ts";

/** Where the provider says what it is (Discovery §4: the issuer's path stays in front). */
export const discoveryUrl = (issuer: string): string => `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;

/**
 * The address of the provider's keys, out of its discovery document.
 *
 * @throws {HsmError} INVALID_REQUEST   not a document, of another issuer, or with keys at an address without TLS
 */
export function keysUrlOf(document: Buffer, issuer: string): string {
  const wrong = (what: string): HsmError => new HsmError("INVALID_REQUEST", `the discovery document of ${issuer} ${what}`);
  let found: unknown;
  try {
    found = parseStrictJson(document);
  } catch {
    throw wrong("is no JSON");
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) throw wrong("is no object");
  const { issuer: named, jwks_uri: url } = found as Claims;
  // Discovery §4.3: the same, to the letter. Whoever answers for another issuer could sign in its name.
  if (named !== issuer) throw wrong("names another issuer");
  if (typeof url !== "string" || !URL.canParse(url)) throw wrong("names no keys");
  if (!url.startsWith("https://") && issuer.startsWith("https://")) throw wrong("names keys at an address without TLS");
  return url;
}

export interface OidcIdentity {
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
}

/**
 * What a verified token gives its bearer; undefined when it was made for somebody else, lacks a bound claim, or no
 * mapping fits. The first mapping that fits counts alone: roles of one are never had in the namespaces of another.
 */
export function oidcIdentity(claims: Claims, { clientId, audience, boundClaims, mappings }: OidcProvider): OidcIdentity | undefined {
  const audiences: readonly unknown[] = Array.isArray(claims["aud"]) ? claims["aud"] : [claims["aud"]];
  const { azp } = claims;
  // Core §3.1.3.7: with several audiences azp must be there, and where it is, it is our client.
  if (azp !== undefined && azp !== clientId) return undefined;
  if (azp === undefined && audiences.length > 1) return undefined;
  if (!audiences.includes(clientId) && (audience === undefined || !audiences.includes(audience))) return undefined;
  if (!allHold(boundClaims, claims)) return undefined;
  return mappings.find((mapping) => {
    return isVerified(mapping.claim, claims) && claimFits(mapping, claims);
  });
}
