/**
 * The ID token in a token endpoint's answer, and whether it is the one that was asked for.
 *
 * It comes over TLS from the provider itself, which stands for its signature here (Core §3.1.3.7 point 6); the vault
 * verifies the signature when the token is shown to it.
 *
 * @see OpenID Connect Core 1.0 §3.1.3.7
 */
import { refused, type Fields, type Provider } from "./provider.ts";

export interface SignedIn {
  /** The ID token: a bearer's credential. */
  readonly idToken: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface Expected {
  readonly clientId: string;
  /** Undefined where the flow has none (RFC 8628). */
  readonly nonce: string | undefined;
}

/** @throws {HsmError} UNAUTHENTICATED saying what is not as it must be */
export function checkIdToken(body: Fields, { issuer }: Provider, { clientId, nonce }: Expected, now = Date.now()): SignedIn {
  const token = body["id_token"];
  if (typeof token !== "string") throw refused("the provider gave no ID token; ask for the scope openid");
  const claims = claimsOf(token);
  const { iss, aud, azp, exp, sub } = claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (iss !== issuer) throw refused("the ID token is of another issuer");
  if (!audiences.includes(clientId)) throw refused("the ID token is for another client");
  if ((audiences.length > 1 || azp !== undefined) && azp !== clientId) throw refused("the ID token was given to another party");
  if (typeof exp !== "number" || exp * 1000 <= now) throw refused("the ID token has run out");
  if (typeof sub !== "string" || sub === "") throw refused("the ID token names nobody");
  if (nonce !== undefined && claims["nonce"] !== nonce) throw refused("the ID token answers another request (nonce)");
  return { idToken: token, subject: sub, expiresAt: exp * 1000 };
}

function claimsOf(token: string): Fields {
  const [, claims, signature, ...more] = token.split(".");
  try {
    const value = JSON.parse(Buffer.from(claims ?? "", "base64url").toString("utf8")) as unknown;
    if (signature && more.length === 0 && value !== null && typeof value === "object" && !Array.isArray(value)) return value as Fields;
  } catch {
    // Said below.
  }
  throw refused("the ID token cannot be read");
}
