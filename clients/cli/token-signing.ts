/**
 * Signs a bearer token locally. The server is not asked: whoever holds the signing key may say who they are, within
 * what the server's key set allows.
 *
 * @see RFC 7519 (JWT); RFC 8725 (best practice: always aud, exp and jti)
 */
import { createPrivateKey, createPublicKey, randomUUID, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, SignJWT, type JWK } from "jose";
import { decodeSecret } from "./secret-reference.ts";
import { usageError } from "./usage-error.ts";

export const TOKEN_ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

export interface TokenClaims {
  readonly subject: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly ttlSeconds: number;
  readonly issuer: string;
  readonly audience: string;
}

export interface SigningKey {
  readonly algorithm: TokenAlgorithm;
  readonly key: KeyObject | Uint8Array;
  readonly kid: string | undefined;
}

const HS256_BYTES = 32;

function algorithmOf(key: KeyObject): TokenAlgorithm {
  if (key.asymmetricKeyType === "ed25519") return "EdDSA";
  if (key.asymmetricKeyType === "rsa") {
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw usageError("--key: an RSA key must have at least 2048 bits");
    return "RS256";
  }
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  throw usageError(`--key: a ${key.asymmetricKeyType ?? "secret"} key cannot sign tokens (Ed25519, RSA and P-256 keys can)`);
}

function privateKeyFrom(bytes: Buffer): KeyObject | undefined {
  const text = bytes.subarray(0, 64).toString("latin1").trimStart();
  try {
    if (text.startsWith("-----BEGIN")) return createPrivateKey(bytes);
    if (text.startsWith("{") && !/"kty"\s*:\s*"oct"/.test(bytes.toString("utf8")))
      return createPrivateKey({ key: JSON.parse(bytes.toString("utf8")) as never, format: "jwk" });
  } catch {
    throw usageError("--key: the file holds no unencrypted private key (PEM or JWK)");
  }
  return undefined;
}

/** The secret of HS256: an octet JWK, `base64:`/`hex:` text, or raw bytes; at least 32 bytes (RFC 7518 section 3.2). */
function secretFrom(bytes: Buffer): { secret: Uint8Array; kid: string | undefined } {
  let secret: Uint8Array = decodeSecret(bytes, "--key");
  let kid: string | undefined;
  if (bytes.subarray(0, 64).toString("latin1").trimStart().startsWith("{")) {
    const jwk = JSON.parse(bytes.toString("utf8")) as JWK;
    secret = Uint8Array.fromBase64(String(jwk.k), { alphabet: "base64url" });
    kid = jwk.kid;
  }
  if (secret.byteLength < HS256_BYTES) throw usageError(`--key: an HS256 secret needs at least ${HS256_BYTES} bytes`);
  return { secret, kid };
}

/**
 * The signing key in `bytes`, with the algorithm it fits and its key id (its own, or the RFC 7638 thumbprint).
 *
 * @throws {HsmError} INVALID_REQUEST when the algorithm asked for is not the key's; messages never show key material
 */
export async function readSigningKey(bytes: Buffer, asked: string | undefined): Promise<SigningKey> {
  const algorithm = TOKEN_ALGORITHMS.find((name) => name.toLowerCase() === asked?.toLowerCase());
  if (asked !== undefined && algorithm === undefined) throw usageError(`--algorithm: choose one of ${TOKEN_ALGORITHMS.join(", ")}`);
  const key = privateKeyFrom(bytes);
  if (key === undefined) {
    if (algorithm !== undefined && algorithm !== "HS256") throw usageError(`--key: ${algorithm} needs a PEM or JWK private key`);
    const { secret, kid } = secretFrom(bytes);
    return { algorithm: "HS256", key: secret, kid };
  }
  const fits = algorithmOf(key);
  if (algorithm !== undefined && algorithm !== fits) throw usageError(`--algorithm: this key signs ${fits}, not ${algorithm}`);
  return { algorithm: fits, key, kid: await calculateJwkThumbprint(createPublicKey(key).export({ format: "jwk" }) as JWK) };
}

/** The compact token, its id and when it ends. */
export async function signToken(
  key: SigningKey,
  claims: TokenClaims,
  kid = key.kid,
): Promise<{ token: string; jti: string; expiresAt: Date }> {
  const now = Math.floor(Date.now() / 1000);
  const jti = randomUUID();
  const token = await new SignJWT({
    roles: claims.roles,
    ...(claims.roles.length === 1 ? { role: claims.roles[0] } : {}),
    ...(claims.namespaces.length === 0 ? {} : { namespaces: claims.namespaces }),
  })
    .setProtectedHeader({ alg: key.algorithm, typ: "JWT", ...(kid === undefined ? {} : { kid }) })
    .setSubject(claims.subject)
    .setIssuer(claims.issuer)
    .setAudience(claims.audience)
    .setJti(jti)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + claims.ttlSeconds)
    .sign(key.key);
  return { token, jti, expiresAt: new Date((now + claims.ttlSeconds) * 1000) };
}
