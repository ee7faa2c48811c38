/**
 * Those who have sessions: local users and service accounts, as their documents hold them, and who came from an identity
 * provider, of whom there is no document but the session.
 *
 * Shapes, and who a session speaks for. A document holds no secret that could be guessed: passwords and the secrets of
 * authenticator apps are its material, sealed apart; of what is random and long there is a digest.
 */
import { HsmError } from "@keystead/contract/errors";
import type { PinRole } from "../authorize/token-rights.ts";
import type { TokenView } from "../token-view.ts";
import type { Principal } from "./principal.ts";

export type { PinRole };

/** Kinds of subjects that there is a document of. */
export type SubjectKind = "user" | "service-account" | "token-pin";

/** A WebAuthn credential of a user. */
export interface WebAuthnFactor {
  readonly label: string;
  readonly createdAt: number;
  readonly userVerified: boolean;
  /** base64url, like the credential's id, which is the factor's too. */
  readonly publicKey: string;
  readonly counter: number;
}

/** What sessions ask of whomever they speak for. */
export interface SubjectRecord {
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly disabled: boolean;
  /** 0 = as many as anybody may have. */
  readonly maxSessions: number;
  /**
   * Sessions are of the generation they were begun in; those of another are over. It begins at random, so that a user who
   * is made again under an old name has none of the sessions of the one before.
   */
  readonly generation: number;
  readonly createdAt: number;
}

export interface UserRecord extends SubjectRecord {
  readonly displayName: string;
  readonly person: string;
  /** What authenticators know the user by, base64url; says nothing. */
  readonly handle: string;
  readonly hasPassword: boolean;
  readonly mustChangePassword: boolean;
  readonly passwordChangedAt: number;
  /** The one authenticator app; its secret is material. */
  readonly totp: { readonly id: string; readonly label: string; readonly createdAt: number; readonly lastStep: number } | null;
  readonly webAuthn: Readonly<Record<string, WebAuthnFactor>>;
  /** SHA-256 of each code that is left, base64url; a code has 100 random bits. */
  readonly recoveryCodes: readonly string[];
}

export interface SecretIdRecord {
  /** SHA-256 of the secret, base64url; the secret has 256 random bits. */
  readonly digest: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** null = no limit. */
  readonly usesLeft: number | null;
  readonly addresses: readonly string[];
}

export interface ServiceAccountRecord extends SubjectRecord {
  readonly description: string;
  readonly secretIds: Readonly<Record<string, SecretIdRecord>>;
}

/** A PIN of a token, whose subject is called `TOKEN.so` or `TOKEN.user`. It has no roles: token-rights.ts says what it gives. */
export interface TokenPinRecord extends SubjectRecord {
  readonly pin: PinRole;
  /** The token's, so that a session needs nothing else. */
  readonly view: TokenView;
  readonly isSet: boolean;
  readonly changedAt: number;
}

/** A subject that there is a document of. */
export interface LocalSubject {
  readonly kind: SubjectKind;
  readonly name: string;
}

/** Whom a session speaks for. The name of who came from an identity provider is `ISSUER:SUBJECT`, as in the principal's id. */
export interface Subject {
  readonly kind: SubjectKind | "oidc";
  readonly name: string;
}

export const isLocal = (subject: Subject): subject is LocalSubject => subject.kind !== "oidc";

const PREFIXES = Object.freeze({ user: "user", "service-account": "service", "token-pin": "token", oidc: "oidc" });
const METHODS = Object.freeze({
  user: "local user",
  "service-account": "service account",
  "token-pin": "token PIN",
  oidc: "token",
} as const);

/**
 * `user:alice`, `service:ci`, `token:payments.user`: no other method of authentication makes ids that begin so. `oidc:ISSUER:SUBJECT` is who shows a
 * token of that issuer, with a session or without.
 */
export const principalId = ({ kind, name }: Subject): string => `${PREFIXES[kind]}:${name}`;

/** The one answer about a name that nobody has. */
export const nobodyCalled = ({ kind, name }: Subject): HsmError => new HsmError("OBJECT_NOT_FOUND", `there is no ${kind} ${name}`);

export const methodOf = ({ kind }: Subject): Principal["method"] => METHODS[kind];

/** The subject of a principal's id, or undefined for principals that have no sessions. */
export function subjectOf(id: string): Subject | undefined {
  if (id.startsWith("oidc:")) return { kind: "oidc", name: id.slice(5) };
  if (id.startsWith("user:")) return { kind: "user", name: id.slice(5) };
  if (id.startsWith("service:")) return { kind: "service-account", name: id.slice(8) };
  if (id.startsWith("token:")) return { kind: "token-pin", name: id.slice(6) };
  return undefined;
}

/** The token and PIN that a principal came by; undefined for everybody else. */
export function pinOf(id: string): { readonly token: string; readonly role: PinRole } | undefined {
  const [, token, role] = /^token:(.+)\.(so|user)$/.exec(id) ?? [];
  return token === undefined ? undefined : { token, role: role as PinRole };
}

/**
 * Whether somebody may know of a subject: of everybody whose reach lies within their own or touches it, so that whoever answers for
 * a namespace sees who can come there. Of anybody else all answers are those about names that nobody has.
 */
export function mayKnowOf(
  { namespaces: reach }: Pick<Principal, "namespaces">,
  { namespaces }: Pick<SubjectRecord, "namespaces">,
): boolean {
  return reach === "all" || namespaces.length === 0 || namespaces.some((name) => name === "*" || reach.has(name));
}

/** The namespaces of a subject that somebody may be told of: their own, and that it is all of them. */
export const namespacesKnownTo = ({ namespaces: reach }: Pick<Principal, "namespaces">, namespaces: readonly string[]): string[] =>
  namespaces.filter((name) => reach === "all" || name === "*" || reach.has(name));

/** Whether a login asks this user for a second factor. */
export const hasSecondFactor = ({ totp, webAuthn }: UserRecord): boolean => totp !== null || Object.keys(webAuthn).length > 0;
