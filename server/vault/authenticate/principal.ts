/**
 * Who is asking, once that has been proven. Only authenticate/ makes these.
 */
import type { Permission } from "@keystead/contract/permissions";
import type { Vouched } from "../claims.ts";
import type { TokenView } from "../token-view.ts";

export type AuthenticationMethod =
  | "certificate"
  | "token"
  | "local user"
  | "service account"
  | "token PIN"
  | "development listener"
  | "ceremony"
  | "anonymous";

/** The session a principal came with. */
export interface PrincipalSession {
  readonly id: string;
  /** True once it is over: nothing that is still under way for it succeeds. Costs nothing to ask. */
  ended(): boolean;
  /** True while what was read of its user is what the vault knows. */
  current(): boolean;
  /** Of what {@link Sessions.reauthenticated} gave: true once, for the one request that it is good for. */
  once?(): boolean;
  /** The one client address it is good from; left out = any. */
  readonly address?: string;
}

export interface Principal {
  /**
   * Unique over all methods: `cert:NAME`, `jwt:ISSUER:SUBJECT`, `user:NAME`, `service:NAME`, `token:NAME.user`, `development`,
   * `ceremony:NAME`, `anonymous`. Two methods never yield the same id, so that a name taken in one cannot speak for the
   * same name in another.
   */
  readonly id: string;
  readonly method: AuthenticationMethod;
  readonly roles: readonly string[];
  /** Union of the roles' permissions. */
  readonly permissions: ReadonlySet<Permission>;
  /** Namespaces within reach, or "all". */
  readonly namespaces: ReadonlySet<string> | "all";
  /** The keys within reach, for whoever came by the PIN of a token; left out = all of those namespaces. */
  readonly view?: TokenView;
  /** They came by the PIN of a token's security officer. */
  readonly officer?: boolean;
  /** Used when a request names no namespace. */
  readonly defaultNamespace: string;
  /** Milliseconds since the epoch after which this principal must prove itself again. */
  readonly validUntil: number;
  /** Milliseconds since the epoch of the second factor of this login; undefined when there was none. */
  readonly mfaAt?: number;
  /** What the issuer of the token said of them, which rules of the policy may name; left out without a token. */
  readonly vouched?: Vouched;
  /** Whom this is, as the record of a local user says; left out where nothing is said. */
  readonly person?: string;
  /** Left out for principals that came without one. */
  readonly session?: PrincipalSession;
  /** They must set a password first: whatever else roles and policy give them, they may do only what is about themselves. */
  readonly onlySelf?: boolean;
}
