/**
 * Failed attempts as they are counted: in memory at once, so that a hundred guesses under way together are a hundred, and
 * durable before each is answered, so that a restart forgives none.
 *
 * Attempts at a name that nobody has are counted in the same way, under a stand-in, so that they take as long and wait for
 * nobody but attempts at the same name, as those at names that there are. Stand-ins are a fixed number, chosen by a secret of
 * this process: nobody can find two names that share one, and inventing names fills nothing.
 */
import { createHmac } from "node:crypto";
import { fillRandom } from "@keystead/crypto/random";
import { wipe } from "@keystead/crypto/wipe";
import type { Documents } from "../objects/documents.ts";
import { afterFailure, isLocked, NO_ATTEMPTS, type Attempts, type LockoutRules } from "./lockout.ts";
import { PASSWORD_RECORD_BYTES } from "./password.ts";
import { encodeUserSecrets } from "./user-secrets.ts";

/** No user can be called so. */
const NOBODY = "_nobody-";
const STAND_INS = 1024;
/** As much as is kept of a user with a password and no app. */
const NO_SECRETS = encodeUserSecrets({ password: Buffer.alloc(PASSWORD_RECORD_BYTES), totp: Buffer.alloc(0) });

export class Lockouts {
  readonly #documents: Documents;
  readonly #rules: LockoutRules;
  readonly #now: () => number;
  /** Ahead of what is durable. */
  readonly #counted = new Map<string, Attempts>();
  readonly #choosing = fillRandom(Buffer.alloc(32));

  constructor(documents: Documents, rules: LockoutRules, now: () => number) {
    this.#documents = documents;
    this.#rules = rules;
    this.#now = now;
  }

  /** Failures in a row that lock a name. */
  get maxAttempts(): number {
    return this.#rules.maxAttempts;
  }

  of(name: string): Attempts {
    return this.#counted.get(name) ?? this.#documents.get<Attempts>("lockout", name)?.value ?? NO_ATTEMPTS;
  }

  isLocked(name: string): boolean {
    return isLocked(this.of(name), this.#now());
  }

  /** Counts a failure, now, and returns when it is durable. @param known whether somebody has this name */
  async failed(name: string, known: boolean): Promise<void> {
    const id = known ? name : this.#standIn(name);
    const attempts = afterFailure(this.of(id), this.#now(), this.#rules);
    this.#counted.set(id, attempts);
    await this.#documents.record("CountFailedAttempt", [{ kind: "lockout", id }], () => [
      { kind: "lockout", id, value: this.#counted.get(id) ?? attempts, ...(known ? {} : { material: NO_SECRETS }) },
    ]);
  }

  /** Reads what would be the secrets of a name that nobody has: as much work as reading somebody's. */
  async noSecrets(name: string): Promise<undefined> {
    const id = this.#standIn(name);
    if (this.#documents.get("lockout", id) !== undefined) wipe(await this.#documents.material("lockout", id));
    return undefined;
  }

  #standIn(name: string): string {
    const chosen = createHmac("sha256", this.#choosing).update(name).digest().readUInt32BE(0) % STAND_INS;
    return `${NOBODY}${chosen}`;
  }

  /** What a login writes that succeeded: nothing is held against the name any more. */
  forgiving(name: string): {
    readonly about: readonly { kind: "lockout"; id: string }[];
    plan(): { kind: "lockout"; id: string; value: undefined }[];
  } {
    const about = [{ kind: "lockout" as const, id: name }];
    return {
      about,
      plan: () => {
        this.#counted.delete(name);
        return this.#documents.get("lockout", name) === undefined ? [] : [{ kind: "lockout", id: name, value: undefined }];
      },
    };
  }
}
