/**
 * Sessions of people who proved themselves to an identity provider: a verified token of it is exchanged, once.
 *
 * Nobody is written down here: the session keeps what the token said, and what that gives is asked of the configuration of now
 * with each request. So a mapping that is taken away takes its sessions with it; what the provider changes is seen at the next
 * login. A token begins one session, whoever shows it again gets none.
 *
 * @see RFC 8725 §3, OpenID Connect Core 1.0 §2
 */
import { hash } from "node:crypto";
import type { OidcProvider } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import type { Documents, DocumentName, DocumentWrite } from "../objects/documents.ts";
import { saidOfBearer, type Claims } from "../claims.ts";
import type { Federated } from "./federated.ts";
import type { LoggedIn } from "./logins.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { oidcIdentity } from "./oidc.ts";
import type { Peer, Sessions } from "./sessions.ts";
import type { TokenIdentity } from "./token.ts";
import type { Reach } from "./within-reach.ts";

export interface FederatedLoginsOptions {
  readonly documents: Documents;
  readonly sessions: Sessions;
  /** Verifies a token of a provider; undefined for every failure, and for tokens of others. */
  readonly verify: (token: string) => Promise<TokenIdentity | undefined>;
  readonly now: () => number;
}

/** Tokens that began a session and have not run out. */
const MOST_USED = 65_536;
/** Of one subject: nobody whom a provider gives tokens to without end takes everybody else's room. */
const MOST_USED_EACH = 256;
/** Those that have run out and are removed with each login. */
const SWEPT_AT_ONCE = 8;
/** Remembered beyond its end: a clock that is set back, or more leeway after a restart, makes no token new. */
const REMEMBERED_AFTER_MS = 300_000;

interface UsedToken {
  /** When it may be forgotten, milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Digest of whom it was of; those of older versions have none. */
  readonly subject?: string;
}

/** What the providers of the configuration give; undefined when it is nothing any more. */
export function givenBy(providers: readonly OidcProvider[]): (federated: Federated) => Reach | undefined {
  return ({ issuer, claims }) => {
    for (const provider of providers) {
      const identity = provider.issuer === issuer ? oidcIdentity(claims, provider) : undefined;
      if (identity !== undefined) return { roles: identity.roles, namespaces: identity.namespaces };
    }
    return undefined;
  };
}

/** An issuer and a subject as they stand in a principal's id: no two issuers share one. */
export const federatedName = (issuer: string, subject: string): string =>
  // Without a colon of its own the subject is what follows the last one.
  `${issuer}:${subject.replaceAll("%", "%25").replaceAll(":", "%3A")}`;

export class FederatedLogins {
  readonly #options: FederatedLoginsOptions;

  constructor(options: FederatedLoginsOptions) {
    this.#options = options;
  }

  /**
   * Begins a session.
   *
   * @throws {HsmError} UNAUTHENTICATED for a token that is not good, or was used; QUOTA_EXCEEDED, to whoever has a good one,
   *   when too many are remembered, of everybody or of this subject
   */
  async login(token: string, bindAddress: boolean, peer: Peer): Promise<LoggedIn> {
    const { documents, sessions, verify, now } = this.#options;
    const identity = await verify(token);
    if (identity?.scheme !== "oidc") throw notAuthenticated();
    const { issuer, subject: sub, claims, expiresAt } = identity;
    const subject = { kind: "oidc", name: federatedName(issuer, sub) } as const;
    const used: DocumentName = { kind: "used-token", id: fingerprint(token, issuer, claims) };
    const whose = hash("sha256", subject.name, "base64url");
    const over = documents
      .list<UsedToken>("used-token")
      .filter(({ id, value }) => value.expiresAt <= now() && id !== used.id)
      .slice(0, SWEPT_AT_ONCE)
      .map(({ id }): DocumentName => ({ kind: "used-token", id }));
    const plan = (): DocumentWrite[] => {
      // Looked at under its lock: one token shown twice at once begins one session.
      if (documents.get("used-token", used.id) !== undefined) throw notAuthenticated();
      if (documents.count("used-token") - over.length >= MOST_USED) throw new HsmError("QUOTA_EXCEEDED", "too many tokens are remembered");
      const own = documents.list<UsedToken>("used-token").filter(({ value }) => value.subject === whose && value.expiresAt > now());
      if (own.length >= MOST_USED_EACH)
        throw new HsmError(
          "QUOTA_EXCEEDED",
          `${MOST_USED_EACH} tokens of this subject began sessions and have not run out; refresh those`,
          {
            retryAfterSeconds: Math.ceil((Math.min(...own.map(({ value }) => value.expiresAt)) - now()) / 1000),
          },
        );
      return [
        { ...used, value: { expiresAt: expiresAt + REMEMBERED_AFTER_MS, subject: whose } satisfies UsedToken },
        ...over.map((name) => ({ ...name, value: undefined })),
      ];
    };
    const begun = await sessions.begin({
      subject,
      generation: 0,
      peer,
      bindAddress,
      mfaAt: null,
      federated: { issuer, claims: saidOfBearer(claims) },
      // Those of one subject at once meet at a name of their own, so that each is counted.
      also: { about: [used, { kind: "used-token", id: `of.${whose}` }, ...over], plan },
    });
    return { subject, ...begun };
  }
}

/** Names a token: by its issuer and `jti`, and without one by what was signed, for a signature may have several spellings. */
function fingerprint(token: string, issuer: string, { jti }: Claims): string {
  const named = typeof jti === "string" ? ["jti", jti] : ["signed", token.slice(0, token.lastIndexOf("."))];
  return hash("sha256", JSON.stringify([issuer, ...named]), "base64url");
}
