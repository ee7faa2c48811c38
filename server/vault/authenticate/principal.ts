/**
 * Who is asking, once that has been proven. Only authenticate/ makes these.
 */
import type { Permission } from "@keystead/contract/permissions";

export type AuthenticationMethod = "certificate" | "token" | "development listener" | "ceremony";

export interface Principal {
  /**
   * Unique over all methods: `cert:NAME`, `jwt:ISSUER:SUBJECT`, `development`, `ceremony:NAME`. Two methods never yield
   * the same id, so that a name taken in one cannot speak for the same name in another.
   */
  readonly id: string;
  readonly method: AuthenticationMethod;
  readonly roles: readonly string[];
  /** Union of the roles' permissions. */
  readonly permissions: ReadonlySet<Permission>;
  /** Namespaces within reach, or "all". */
  readonly namespaces: ReadonlySet<string> | "all";
  /** Used when a request names no namespace. */
  readonly defaultNamespace: string;
  /** Milliseconds since the epoch after which this principal must prove itself again. */
  readonly validUntil: number;
  /** Milliseconds since the epoch of the second factor of this login; undefined when there was none. */
  readonly mfaAt?: number;
}
