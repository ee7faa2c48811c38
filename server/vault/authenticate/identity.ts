/**
 * Everything about local users, service accounts and sessions of an open vault, put together.
 */
import type { StrengthRules } from "@keystead/crypto/password-strength";
import type { Documents } from "../objects/documents.ts";
import { Factors, type WebAuthnSettings } from "./factors.ts";
import { FederatedLogins, type FederatedLoginsOptions } from "./federation.ts";
import type { LockoutRules } from "./lockout.ts";
import { Lockouts } from "./lockouts.ts";
import { Logins } from "./logins.ts";
import type { Argon2, Argon2Params } from "./password.ts";
import { RetiredNames } from "./retired-names.ts";
import { ServiceAccounts } from "./service-accounts.ts";
import { Sessions, type SessionRules } from "./sessions.ts";
import { TokenKeys } from "./token-keys.ts";
import { Tokens, type PinRules } from "./tokens.ts";
import { Users } from "./users.ts";

export interface IdentityOptions {
  readonly documents: Documents;
  /** Names this vault in its tokens. */
  readonly vaultId: string;
  readonly sessions: SessionRules;
  readonly lockout: LockoutRules;
  readonly strength: StrengthRules;
  readonly webAuthn: WebAuthnSettings | undefined;
  /** Of tokens. */
  readonly pins: PinRules;
  /** Told of what an operator should know of a PIN that was set. */
  readonly warn: (warning: string, token: string) => void;
  /** Runs Argon2id, one at a time, taking turns between those who ask. */
  readonly argon2: (secret: Uint8Array, params: Argon2Params, sizeBytes: number, by: string) => Promise<Buffer>;
  /** Verifies tokens of identity providers. */
  readonly verifyToken: FederatedLoginsOptions["verify"];
  readonly now: () => number;
}

export class Identity {
  readonly keys: TokenKeys;
  readonly sessions: Sessions;
  readonly lockouts: Lockouts;
  readonly users: Users;
  readonly factors: Factors;
  readonly logins: Logins;
  readonly serviceAccounts: ServiceAccounts;
  readonly tokens: Tokens;
  readonly federated: FederatedLogins;
  readonly #argon2: IdentityOptions["argon2"];

  constructor({ documents, vaultId, sessions, lockout, strength, webAuthn, pins, warn, argon2, verifyToken, now }: IdentityOptions) {
    this.#argon2 = argon2;
    this.keys = new TokenKeys(documents, now);
    this.sessions = new Sessions(documents, this.keys, `urn:keystead:${vaultId}`, sessions, now);
    this.lockouts = new Lockouts(documents, lockout, now);
    const retired = new RetiredNames(documents, sessions.named ?? (() => false), now);
    this.users = new Users({ documents, retired, sessions: this.sessions, lockouts: this.lockouts, strength, now });
    this.factors = new Factors({ documents, sessions: this.sessions, users: this.users, webAuthn, now });
    this.logins = new Logins({ users: this.users, sessions: this.sessions, lockouts: this.lockouts, webAuthn, now });
    this.federated = new FederatedLogins({ documents, sessions: this.sessions, verify: verifyToken, now });
    this.tokens = new Tokens({ documents, retired, sessions: this.sessions, lockouts: this.lockouts, pins, warn, now });
    this.serviceAccounts = new ServiceAccounts(documents, this.sessions, retired, now);
  }

  /** Argon2id on behalf of somebody: an address before the login, a principal after it. */
  argon2(by: string): Argon2 {
    return (secret, params, sizeBytes) => this.#argon2(secret, params, sizeBytes, by);
  }

  /** Forgets what was begun: the vault is sealed. */
  close(): void {
    this.factors.close();
    this.logins.close();
  }
}
