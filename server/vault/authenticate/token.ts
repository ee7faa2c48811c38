/**
 * Bearer tokens: JWTs verified against key sets, of files and of addresses, and those of OpenID Connect providers.
 *
 * The key decides the algorithm, never the token's header: each key of a set is used with exactly one algorithm of
 * HS256, RS256, ES256, EdDSA, so `none` and "HS256 with a public key" have nowhere to go. `exp`, `iss`, `aud`, `sub`,
 * are required, and `jti` unless the configuration says otherwise. A token's roles and namespaces count only as far as
 * its key set's configuration allows; what it says of addresses or methods counts for nothing.
 *
 * @see RFC 7519, RFC 8725 (JWT best current practices)
 */
import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { jwtVerify, type JWK, type JWTPayload } from "jose";
import type { JwtKeySet, OidcProvider } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { parseStrictJson, type JsonValue } from "@keystead/contract/json";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";
import { findRole } from "../authorize/roles.ts";
import { allHold, type Claims } from "../claims.ts";
import { oidcIdentity } from "./oidc.ts";

interface VerificationKey {
  readonly kid: string | undefined;
  readonly algorithm: string;
  readonly key: KeyObject;
}

/** A key set with its keys. */
export interface LoadedKeySet {
  readonly config: JwtKeySet;
  readonly keys: readonly VerificationKey[];
  /** Set for keys of a provider: its rules say who the bearer is. */
  readonly oidc?: OidcProvider;
}

/** What a verified token says, cut down to what its key set allows. */
export interface TokenIdentity {
  /** First part of the principal's id. */
  readonly scheme: "jwt" | "oidc";
  readonly issuer: string;
  readonly subject: string;
  /** Roles as far as the configuration allows them. */
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** All that it says. */
  readonly claims: Claims;
}

/** What a token may say that it is, if it says so (RFC 8725 §3.11): an issuer's keys sign other things too, not for us. */
const TYPES: ReadonlySet<string> = new Set(["jwt", "jose", "at+jwt"]);
/** Longest life of a token that is accepted, in seconds: a day. */
const MAX_LIFE_SECONDS = 86_400;

function algorithmOf(jwk: JWK): string | undefined {
  if (jwk.kty === "oct") return "HS256";
  if (jwk.kty === "RSA") return "RS256";
  if (jwk.kty === "EC" && jwk.crv === "P-256") return "ES256";
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") return "EdDSA";
  return undefined;
}

const nameOf = ({ path, url, issuer }: JwtKeySet): string => path ?? url ?? issuer;

/** Reads a JWKS document of our own, where every key must be one. @throws {HsmError} INVALID_REQUEST saying which key is wrong, never showing it */
export function parseKeySet(text: string, config: JwtKeySet): LoadedKeySet {
  return { config, keys: jwksOf(text, config).map((jwk, index) => verificationKey(jwk, index, config)) };
}

/** Keys of a set that are looked at; more would be a burden to every token without a key id. */
const MOST_KEYS = 64;

/**
 * Reads a JWKS document of somebody else's, who may have keys in it for other ends: those are passed over. A secret or a
 * private key that lies open at an address is no key at all.
 *
 * @throws {HsmError} INVALID_REQUEST when it is no key set, or has no key that verifies tokens
 */
export function parseForeignKeySet(text: string, config: JwtKeySet, oidc?: OidcProvider): LoadedKeySet {
  const keys = jwksOf(text, config)
    .slice(0, MOST_KEYS)
    .flatMap((jwk, index) => {
      try {
        return jwk?.kty === "oct" ? [] : [verificationKey(jwk, index, config)];
      } catch {
        return [];
      }
    });
  if (keys.length === 0) throw new HsmError("INVALID_REQUEST", `${nameOf(config)} has no key that verifies tokens`);
  return { config, keys, ...(oidc === undefined ? {} : { oidc }) };
}

function jwksOf(text: string, config: JwtKeySet): JWK[] {
  let document: { keys?: JWK[] };
  try {
    document = JSON.parse(text) as typeof document;
  } catch {
    throw new HsmError("INVALID_REQUEST", `${nameOf(config)} is not JSON`);
  }
  if (!Array.isArray(document?.keys)) throw new HsmError("INVALID_REQUEST", `${nameOf(config)} is not a JWK set`);
  return document.keys;
}

function verificationKey(jwk: JWK, index: number, config: JwtKeySet): VerificationKey {
  const wrong = (what: string): HsmError => new HsmError("INVALID_REQUEST", `${nameOf(config)}: key ${index}: ${what}`);
  if (jwk === null || typeof jwk !== "object") throw wrong("not a JWK");
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined) throw wrong("only oct, RSA, P-256 and Ed25519 keys verify tokens");
  if (jwk.alg !== undefined && jwk.alg !== algorithm) throw wrong(`alg must be ${algorithm}`);
  if (jwk.use !== undefined && jwk.use !== "sig") throw wrong("use must be sig");
  if ("d" in jwk) throw wrong("a private key does not belong in a key set; keep the public half");
  if (algorithm !== "HS256") {
    let key: KeyObject;
    try {
      key = createPublicKey({ key: jwk as never, format: "jwk" });
    } catch {
      throw wrong("not a public key");
    }
    if (algorithm === "RS256" && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw wrong("RSA keys must have 2048 bits or more");
    return { kid: jwk.kid, algorithm, key };
  }
  const encoded = Buffer.from(typeof jwk.k === "string" ? jwk.k : "", "base64url");
  const secret = secretBuffer(encoded.length);
  encoded.copy(secret);
  wipe(encoded);
  if (secret.length < 32) throw wrong("HS256 secrets must have 32 bytes or more");
  const key = createSecretKey(secret);
  wipe(secret);
  return { kid: jwk.kid, algorithm, key };
}

/** Why a token was refused: for metrics, never for its bearer. `session` counts the vault's own. */
export type TokenFailure = "malformed" | "unknown_key" | "signature" | "expired" | "claims" | "session";

export const noTokenFailures = (): Record<TokenFailure, number> => ({
  malformed: 0,
  unknown_key: 0,
  signature: 0,
  expired: 0,
  claims: 0,
  session: 0,
});

/** The reason by what the verification threw. */
function failureOf(thrown: unknown): TokenFailure {
  switch ((thrown as { code?: unknown }).code) {
    case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
      return "signature";
    case "ERR_JWT_EXPIRED":
      return "expired";
    case "ERR_JWT_CLAIM_VALIDATION_FAILED":
      return "claims";
    default:
      return "malformed";
  }
}

/**
 * Verifies a token against the sets; undefined for every failure.
 *
 * @param now milliseconds since the epoch
 * @param refused told why, when it fails; of several keys that were tried, what the last one said
 */
export async function verifyToken(
  token: string,
  sets: readonly LoadedKeySet[],
  now: number,
  refused?: (why: TokenFailure) => void,
): Promise<TokenIdentity | undefined> {
  const header = protectedHeader(token);
  if (header === undefined) {
    refused?.("malformed");
    return undefined;
  }
  let why: TokenFailure = "unknown_key";
  for (const set of sets) {
    for (const { kid, algorithm, key } of set.keys) {
      if (algorithm !== header.alg || (header.kid !== undefined && kid !== header.kid)) continue;
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [algorithm],
          issuer: set.config.issuer,
          audience: set.oidc?.audience === undefined ? set.config.audience : [set.config.audience, set.oidc.audience],
          clockTolerance: set.config.leewaySeconds,
          currentDate: new Date(now),
          requiredClaims: ["sub", "exp", "iss", "aud"],
        });
        const identity = identityOf(payload, set, now);
        if (identity !== undefined) return identity;
        why = "claims";
      } catch (thrown) {
        // One answer for every reason: the next key, and in the end nobody.
        why = failureOf(thrown);
      }
    }
  }
  refused?.(why);
  return undefined;
}

/** The issuer and the key that a token names, unverified: to know whose keys may be missing. */
export function namedKey(token: string): { readonly issuer: string; readonly kid: string } | undefined {
  const kid = protectedHeader(token)?.kid;
  if (kid === undefined) return undefined;
  const { iss } = parseStrictJson(Buffer.from(token.split(".")[1] as string, "base64url")) as { iss?: unknown };
  return typeof iss === "string" ? { issuer: iss, kid } : undefined;
}

/** What the header says, once header and claims are JSON that has one reading only (no member twice; RFC 8725 §2.4). */
function protectedHeader(token: string): { alg: string; kid: string | undefined } | undefined {
  const [first, second, third, ...more] = token.split(".");
  if (first === undefined || second === undefined || third === undefined || more.length > 0) return undefined;
  let header: JsonValue;
  try {
    header = parseStrictJson(Buffer.from(first, "base64url"));
    parseStrictJson(Buffer.from(second, "base64url"));
  } catch {
    return undefined;
  }
  if (header === null || typeof header !== "object" || Array.isArray(header) || typeof header["alg"] !== "string" || "crit" in header)
    return undefined;
  const typ = header["typ"];
  if (typ !== undefined && (typeof typ !== "string" || !TYPES.has(typ.toLowerCase().replace(/^application\//, "")))) return undefined;
  const kid = header["kid"];
  if (kid !== undefined && typeof kid !== "string") return undefined;
  return { alg: header["alg"], kid };
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : typeof value === "string" ? [value] : [];

function identityOf(payload: JWTPayload, { config, oidc }: LoadedKeySet, now: number): TokenIdentity | undefined {
  const { sub, jti, exp, iat } = payload;
  const isName = (value: unknown): boolean => typeof value === "string" && value !== "" && value.length <= 256;
  if (typeof sub !== "string" || !isName(sub) || typeof exp !== "number") return undefined;
  // A statement about what happened to somebody (RFC 8417 §2.2; a logout token is one), and nobody's credential.
  if ("events" in payload) return undefined;
  const jtiNeeded = oidc === undefined && config.requireJti !== false;
  if ((jti !== undefined || jtiNeeded) && !isName(jti)) return undefined;
  if (exp * 1000 > now + (MAX_LIFE_SECONDS + config.leewaySeconds) * 1000) return undefined;
  if (typeof iat === "number" && iat * 1000 > now + config.leewaySeconds * 1000) return undefined;
  const known = { issuer: config.issuer, subject: sub, expiresAt: (exp + config.leewaySeconds) * 1000, claims: payload };
  if (oidc !== undefined) {
    const identity = oidcIdentity(payload, oidc);
    return identity === undefined ? undefined : { scheme: "oidc", ...known, roles: identity.roles, namespaces: identity.namespaces };
  }
  if (!allHold(config.boundClaims ?? [], payload)) return undefined;
  const canonical = new Set(config.allowedRoles.flatMap((role) => findRole(role) ?? []));
  const claimed = [...strings(payload["roles"]), ...strings(payload["role"])].flatMap((role) => findRole(role) ?? []);
  const roles = [...new Set([...claimed.filter((role) => canonical.has(role)), ...(config.roles ?? [])])];
  const allowed = config.namespaces;
  const named = payload["namespaces"];
  // A claim narrows, whatever it holds: one that names nothing reaches nothing.
  const namespaces =
    named === undefined ? [...allowed] : strings(named).filter((name) => name !== "" && (allowed.includes("*") || allowed.includes(name)));
  return { scheme: "jwt", ...known, roles, namespaces };
}
