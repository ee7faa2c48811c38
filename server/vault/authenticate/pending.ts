/**
 * What was begun and waits for its second half: logins that want a second factor, factors that want to be confirmed.
 *
 * In memory, because it lasts for minutes; bounded for everybody and for each owner, so that nobody's beginnings push out
 * somebody else's. An entry is taken out before it is judged: two answers to one question cannot both be right.
 */
import { fillRandom } from "@keystead/crypto/random";

interface Entry<T> {
  readonly owner: string;
  readonly expiresAt: number;
  readonly value: T;
}

export interface PendingLimits {
  readonly lifeMs: number;
  readonly entries: number;
  readonly perOwner: number;
}

/** A name that nobody can guess: 256 random bits, base64url. */
export const unguessable = (): string => fillRandom(Buffer.alloc(32)).toString("base64url");

export class Pending<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #limits: PendingLimits;
  readonly #now: () => number;
  readonly #dropped: (value: T) => void;

  /** @param dropped told of everything that ends here without having been taken, so that it can wipe secrets */
  constructor(limits: PendingLimits, now: () => number, dropped: (value: T) => void = () => undefined) {
    this.#limits = limits;
    this.#now = now;
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps it. @returns its name and when it ends, in milliseconds since the epoch */
  add(owner: string, value: T): { readonly id: string; readonly expiresAt: number } {
    const now = this.#now();
    for (const [id, entry] of this.#entries) if (entry.expiresAt <= now) this.#drop(id);
    const own = [...this.#entries].filter(([, entry]) => entry.owner === owner);
    for (const [id] of own.slice(0, Math.max(0, own.length - this.#limits.perOwner + 1))) this.#drop(id);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= this.#limits.entries && oldest !== undefined) this.#drop(oldest);
    const id = unguessable();
    const expiresAt = now + this.#limits.lifeMs;
    this.#entries.set(id, { owner, expiresAt, value });
    return { id, expiresAt };
  }

  /** What is kept under this name, which stays; undefined when there is nothing, or nothing any more. */
  peek(id: string): T | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined || entry.expiresAt <= this.#now() ? undefined : entry.value;
  }

  /** Takes it out; undefined when there is none, or none any more. */
  take(id: string): { readonly owner: string; readonly value: T; readonly putBack: () => void } | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry.expiresAt <= this.#now()) {
      this.#drop(id);
      return undefined;
    }
    this.#entries.delete(id);
    return { owner: entry.owner, value: entry.value, putBack: () => this.#entries.set(id, entry) };
  }

  /** Forgets everything of an owner, or everything. */
  clear(owner?: string): void {
    for (const [id, entry] of this.#entries) if (owner === undefined || entry.owner === owner) this.#drop(id);
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry !== undefined) this.#dropped(entry.value);
  }
}

/** Name and secret of `name.secret`; two empty texts for anything else, which name nothing. */
export function nameAndSecret(text: string): readonly [name: string, secret: string] {
  const [name, secret, ...more] = text.split(".");
  return name === undefined || secret === undefined || more.length > 0 ? ["", ""] : [name, secret];
}
