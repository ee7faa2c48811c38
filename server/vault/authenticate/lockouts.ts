/**
 * Failed attempts as they are counted: in memory at once, so that a hundred guesses under way together are a hundred, and
 * durable before each is answered, so that a restart forgives none.
 *
 * Attempts at a name that nobody has are written too, under one stand-in, so that they take as long.
 */
import type { Documents } from "../objects/documents.ts";
import { afterFailure, isLocked, NO_ATTEMPTS, type Attempts, type LockoutRules } from "./lockout.ts";

/** No user can be called so. */
const NOBODY = "_nobody";

export class Lockouts {
  readonly #documents: Documents;
  readonly #rules: LockoutRules;
  readonly #now: () => number;
  /** Ahead of what is durable. */
  readonly #counted = new Map<string, Attempts>();

  constructor(documents: Documents, rules: LockoutRules, now: () => number) {
    this.#documents = documents;
    this.#rules = rules;
    this.#now = now;
  }

  of(name: string): Attempts {
    return this.#counted.get(name) ?? this.#documents.get<Attempts>("lockout", name)?.value ?? NO_ATTEMPTS;
  }

  isLocked(name: string): boolean {
    return isLocked(this.of(name), this.#now());
  }

  /** Counts a failure, now, and returns when it is durable. @param name undefined = of nobody */
  async failed(name: string | undefined): Promise<void> {
    const id = name ?? NOBODY;
    const attempts = afterFailure(this.of(id), this.#now(), this.#rules);
    this.#counted.set(id, attempts);
    await this.#documents.record("CountFailedAttempt", [{ kind: "lockout", id }], () => [
      { kind: "lockout", id, value: this.#counted.get(id) ?? attempts },
    ]);
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
