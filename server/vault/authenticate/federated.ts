import type { Claims } from "../claims.ts";

/** What a provider said of somebody. */
export interface Federated {
  readonly issuer: string;
  readonly claims: Claims;
}
