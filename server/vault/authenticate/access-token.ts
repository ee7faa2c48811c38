/**
 * Access tokens of the vault's own: what they say, and which of them are worth looking at.
 *
 * A token names its session. What its bearer may do is what the vault knows of that session's user at the moment, never
 * what the token says: roles, certificate and the rest stand in it for others to read.
 *
 * @see RFC 9068 (JWT profile for access tokens), RFC 8705 §3.1 (`cnf`), RFC 8725
 */
import { jwtVerify, SignJWT } from "jose";
import { parseStrictJson, type JsonValue } from "@keystead/contract/json";
import { unguessable } from "./pending.ts";
import type { TokenKeys } from "./token-keys.ts";

export const AUDIENCE = "keystead";
const TYPE = "at+jwt";

/** What a token says of its session. */
export interface AccessClaims {
  readonly issuer: string;
  readonly principal: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
  /** SHA-256 of the client certificate it is bound to, base64url. */
  readonly thumbprint: string | null;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const seconds = (ms: number): number => Math.floor(ms / 1000);

export function signAccessToken(claims: AccessClaims, keys: TokenKeys): Promise<string> {
  return keys.sign((kid, key) =>
    new SignJWT({
      sid: claims.sessionId,
      // Older clients read one role, others the list.
      role: claims.roles[0] ?? "",
      roles: [...claims.roles],
      ...(claims.thumbprint === null ? {} : { cnf: { "x5t#S256": claims.thumbprint } }),
    })
      .setProtectedHeader({ alg: "EdDSA", kid, typ: TYPE })
      .setIssuer(claims.issuer)
      .setSubject(claims.principal)
      .setAudience(AUDIENCE)
      .setJti(unguessable())
      .setIssuedAt(seconds(claims.issuedAt))
      .setNotBefore(seconds(claims.issuedAt))
      .setExpirationTime(seconds(claims.expiresAt))
      .sign(key),
  );
}

/** The session, principal and end of a token that one of our keys signed and that is good now; undefined for any other. */
export async function verifyAccessToken(
  token: string,
  issuer: string,
  keys: TokenKeys,
  now: number,
): Promise<{ readonly sessionId: string; readonly principal: string; readonly expiresAt: number } | undefined> {
  const kid = member(part(token, 0), "kid");
  const key = typeof kid === "string" ? keys.verifying(kid) : undefined;
  if (key === undefined) return undefined;
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["EdDSA"],
      issuer,
      audience: AUDIENCE,
      typ: TYPE,
      currentDate: new Date(now),
      requiredClaims: ["sub", "exp", "iat", "nbf", "jti", "sid"],
    });
    const { sub, exp, sid } = payload;
    if (typeof sub !== "string" || typeof exp !== "number" || typeof sid !== "string") return undefined;
    return { sessionId: sid, principal: sub, expiresAt: exp * 1000 };
  } catch {
    return undefined;
  }
}

/**
 * Whether a token says that this issuer made it, and so is judged by the issuer's own keys and no others. It says so
 * itself: nothing is believed of it by that.
 */
export const claimsIssuer = (token: string, issuer: string): boolean => member(part(token, 1), "iss") === issuer;

/** A part of a token as JSON that has one reading only (no member twice; RFC 8725 §2.4). */
function part(token: string, index: number): JsonValue {
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  try {
    return parseStrictJson(Buffer.from(parts[index] as string, "base64url"));
  } catch {
    return null;
  }
}

const member = (value: JsonValue, name: string): JsonValue | undefined =>
  value !== null && typeof value === "object" && !Array.isArray(value) && Object.hasOwn(value, name) ? value[name] : undefined;
