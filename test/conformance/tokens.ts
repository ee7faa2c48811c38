/** Tokens and certificates a caller may come with: good ones, as `keystead token mint` makes them, and every bad kind. */
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, SignJWT, type JWTPayload } from "jose";
import { openssl } from "./openssl.ts";

export interface Claims extends JWTPayload {
  readonly roles?: readonly string[] | string;
  readonly namespaces?: readonly string[];
}

export const LOCAL = { issuer: "keystead-local", audience: "keystead" } as const;

/** The claims of a good token, changed as asked; `undefined` takes a claim away. */
export function claimsOf(changed: Readonly<Record<string, unknown>> = {}): Claims {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: LOCAL.issuer,
    aud: LOCAL.audience,
    sub: "tester",
    jti: randomUUID(),
    iat: now,
    nbf: now,
    exp: now + 600,
    roles: ["Administrator"],
    ...changed,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as Claims;
}

/** Signs as `keystead token mint` does: EdDSA with the development token key. */
export async function mint(tokenKeyPem: string, changed: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const key = createPrivateKey(tokenKeyPem);
  const kid = await calculateJwkThumbprint(createPublicKey(key).export({ format: "jwk" }) as never);
  return new SignJWT(claimsOf(changed)).setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid }).sign(key);
}

const part = (value: unknown): string => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token with any header, any claims and any signature. */
export function forged(header: unknown, claims: unknown, seal: (signed: Buffer) => Buffer): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${seal(Buffer.from(signed)).toString("base64url")}`;
}

/** Every bad token, by what is wrong with it. */
export function badTokens(tokenKeyPem: string): Readonly<Record<string, string>> {
  const key = createPrivateKey(tokenKeyPem);
  const publicKey = createPublicKey(key);
  const jwk = publicKey.export({ format: "jwk" }) as { x: string };
  const ours = (signed: Buffer): Buffer => sign(null, signed, key);
  const header = { alg: "EdDSA", typ: "JWT" };
  const now = Math.floor(Date.now() / 1000);
  const good = forged(header, claimsOf(), ours);
  const [h = "", c = "", s = ""] = good.split(".");
  const stranger = generateKeyPairSync("ed25519").privateKey;
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const hmac =
    (secret: string | Buffer) =>
    (signed: Buffer): Buffer =>
      createHmac("sha256", secret).update(signed).digest();
  const spki = publicKey.export({ format: "pem", type: "spki" }) as string;
  const without = (claim: string): string => forged(header, claimsOf({ [claim]: undefined }), ours);
  return {
    "alg none": forged({ alg: "none", typ: "JWT" }, claimsOf(), () => Buffer.alloc(0)),
    "alg None with our signature": forged({ alg: "None", typ: "JWT" }, claimsOf(), ours),
    "no alg": forged({ typ: "JWT" }, claimsOf(), ours),
    "HS256 under the public key as PEM": forged({ alg: "HS256", typ: "JWT" }, claimsOf(), hmac(spki)),
    "HS256 under the public key as DER": forged(
      { alg: "HS256", typ: "JWT" },
      claimsOf(),
      hmac(publicKey.export({ format: "der", type: "spki" })),
    ),
    "HS256 under the public key's x": forged({ alg: "HS256", typ: "JWT" }, claimsOf(), hmac(Buffer.from(jwk.x, "base64url"))),
    "HS256 under an empty secret": forged({ alg: "HS256", typ: "JWT" }, claimsOf(), hmac("")),
    "a stranger's signature": forged(header, claimsOf(), (signed) => sign(null, signed, stranger)),
    "a key the token brings along": forged({ ...header, jwk: createPublicKey(stranger).export({ format: "jwk" }) }, claimsOf(), (signed) =>
      sign(null, signed, stranger),
    ),
    "an unknown key id": forged({ ...header, kid: "nobody" }, claimsOf(), ours),
    "another algorithm with a key of its own": forged({ alg: "ES256", typ: "JWT" }, claimsOf(), (signed) =>
      sign("sha256", signed, { key: ec, dsaEncoding: "ieee-p1363" }),
    ),
    "a critical extension": forged({ ...header, crit: ["b64"], b64: false }, claimsOf(), ours),
    "changed claims": `${h}.${part(claimsOf({ sub: "somebody-else" }))}.${s}`,
    "changed signature": `${h}.${c}.${part(Buffer.from(Buffer.from(s, "base64url").with(0, (Buffer.from(s, "base64url")[0] ?? 0) ^ 1)).toString("latin1"))}`,
    "no signature": `${h}.${c}.`,
    "two parts": `${h}.${c}`,
    "four parts": `${good}.x`,
    "a claim given twice": forged(header, JSON.stringify(claimsOf()).replace("{", '{"sub":"root",'), ours),
    "claims that are no object": forged(header, "[]", ours),
    expired: forged(header, claimsOf({ iat: now - 7200, nbf: now - 7200, exp: now - 3600 }), ours),
    "not yet valid": forged(header, claimsOf({ nbf: now + 3600, exp: now + 7200 }), ours),
    "valid for a year": forged(header, claimsOf({ exp: now + 31_536_000 }), ours),
    "expiry as text": forged(header, claimsOf({ exp: "tomorrow" }), ours),
    "no expiry": without("exp"),
    "no jti": without("jti"),
    "no subject": without("sub"),
    "no issuer": without("iss"),
    "no audience": without("aud"),
    "an empty jti": forged(header, claimsOf({ jti: "" }), ours),
    "a wrong issuer": forged(header, claimsOf({ iss: "another-set" }), ours),
    "a wrong audience": forged(header, claimsOf({ aud: "another-service" }), ours),
    "not a token": "hunter2",
  };
}

export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A client certificate that openssl issues. */
export function issue(
  subject: string,
  authority: { readonly cert: string; readonly key: string },
  { days = 30, purpose = "clientAuth" }: { days?: number; purpose?: string } = {},
): ClientCertificate {
  const key = openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]).toString();
  const request = openssl(["req", "-new", "-key", "{key}", "-subj", subject], { key });
  const extensions = `basicConstraints=critical,CA:FALSE\nextendedKeyUsage=${purpose}\n`;
  const cert = openssl(
    [
      "x509",
      "-req",
      "-in",
      "{request}",
      "-CA",
      "{authority}",
      "-CAkey",
      "{authorityKey}",
      "-set_serial",
      String(Math.floor(Math.random() * 1e12)),
      "-days",
      String(days),
      "-extfile",
      "{extensions}",
    ],
    {
      request,
      extensions,
      authority: authority.cert,
      authorityKey: authority.key,
    },
  ).toString();
  return { cert, key };
}

/** An authority of nobody's. */
export function strangeAuthority(): { readonly cert: string; readonly key: string } {
  const key = openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]).toString();
  return {
    key,
    cert: openssl(["req", "-x509", "-new", "-key", "{key}", "-subj", "/CN=Another authority", "-days", "30"], { key }).toString(),
  };
}

/** The public half as a member of a JWK set. */
export const asJwk = (key: KeyObject, extra: object = {}): object => ({
  ...createPublicKey(key).export({ format: "jwk" }),
  use: "sig",
  ...extra,
});
