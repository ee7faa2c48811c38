/**
 * Token buckets by name, a bounded number of them, each request in constant time.
 *
 * A bucket is one number: the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371 annex A,
 * turned round). A bucket that is full is as good as none, so forgetting it gives nobody anything and takes nothing from
 * anybody. That is the only kind that makes room for a new name: whoever comes under ever new names cannot push out
 * those who are under way, and does not get a fresh burst for a name that was pushed out. While every place is taken by
 * a bucket that is not full, newcomers share one: nobody gets more than twice what a bucket of their own would give.
 */

/** What a bucket takes and how fast it fills. */
export interface Rate {
  /** Tokens a second, above 0. */
  readonly perSecond: number;
  /** Tokens in a full bucket, at least 1. */
  readonly burst: number;
}

export interface TokenBucketsOptions {
  /** Most names that have a bucket of their own. */
  readonly most: number;
  /** A bucket unused for so long is forgotten, in milliseconds. */
  readonly idleMs: number;
}

/** The answer to one who asks for a token. */
export interface Turn {
  /** Milliseconds until there will be a token; 0 = one was taken. */
  readonly waitMs: number;
  /** The first refusal since a token was taken. */
  readonly first: boolean;
}

interface Bucket {
  readonly name: string;
  /** When it is full again, in milliseconds. */
  fullAt: number;
  usedAt: number;
  refusing: boolean;
  /** Neighbours in the order of use. */
  newer: Bucket | undefined;
  older: Bucket | undefined;
}

const TAKEN: Turn = Object.freeze({ waitMs: 0, first: false });
/** What sums of fractions may be off by, in milliseconds. */
const SLACK_MS = 1e-3;

export class TokenBuckets {
  readonly #most: number;
  readonly #idleMs: number;
  readonly #buckets = new Map<string, Bucket>();
  /** For those who find every place taken. */
  readonly #crowd: Bucket = bucket("", -Infinity);
  #newest: Bucket | undefined;
  #oldest: Bucket | undefined;

  constructor({ most, idleMs }: TokenBucketsOptions) {
    this.#most = most;
    this.#idleMs = idleMs;
  }

  /** Names that have a bucket. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token.
   *
   * @param rate of this name; it may be another one each time
   * @param now  milliseconds that never run backwards
   */
  take(name: string, { perSecond, burst }: Rate, now: number): Turn {
    this.#forgetIdle(now);
    const found = this.#find(name, now);
    found.usedAt = now;
    const tokenMs = 1000 / perSecond;
    // Filled under a higher rate before, it may say a time that this one would never reach.
    const fullAt = Math.min(Math.max(found.fullAt, now), now + burst * tokenMs) + tokenMs;
    const waitMs = fullAt - now - burst * tokenMs;
    if (waitMs > SLACK_MS) {
      const first = !found.refusing;
      found.refusing = true;
      return { waitMs, first };
    }
    found.fullAt = fullAt;
    found.refusing = false;
    return TAKEN;
  }

  #find(name: string, now: number): Bucket {
    let found = this.#buckets.get(name);
    if (found !== undefined) {
      if (found !== this.#newest) {
        this.#unlink(found);
        this.#link(found);
      }
      return found;
    }
    if (this.#buckets.size >= this.#most) {
      const oldest = this.#oldest as Bucket;
      if (oldest.fullAt > now) return this.#crowd;
      this.#forget(oldest);
    }
    found = bucket(name, now);
    this.#buckets.set(name, found);
    this.#link(found);
    return found;
  }

  /** At most two at a time: more than one can be added, and nobody waits for many. */
  #forgetIdle(now: number): void {
    for (let at = 0; at < 2; at += 1) {
      const oldest = this.#oldest;
      if (oldest === undefined || oldest.usedAt + this.#idleMs > now || oldest.fullAt > now) return;
      this.#forget(oldest);
    }
  }

  #forget(forgotten: Bucket): void {
    this.#unlink(forgotten);
    this.#buckets.delete(forgotten.name);
  }

  #link(added: Bucket): void {
    added.older = this.#newest;
    added.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = added;
    this.#newest = added;
    this.#oldest ??= added;
  }

  #unlink({ older, newer }: Bucket): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}

const bucket = (name: string, fullAt: number): Bucket => ({
  name,
  fullAt,
  usedAt: 0,
  refusing: false,
  newer: undefined,
  older: undefined,
});
