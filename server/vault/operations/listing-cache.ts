/**
 * Answers of ListKeys that can be given again: per principal and question, until a key of the namespace changes.
 *
 * An answer carries the namespace's revision from before it was read, and is given only while that is still the
 * revision; a change raises it before it is acknowledged, so nobody is shown a list from before a change they know of.
 * What changes with time alone (a key's end date) is at most {@link TTL_MS} old. Bounded in answers and in keys.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { listKeys } from "@keystead/contract/operations/list-keys";

/** What ListKeys answers. One answer is given to many, so nobody changes it. */
export type ListReply = MessageInitShape<typeof listKeys.method.output> & { readonly keys: readonly unknown[] };

/** Longest time an answer is given again, in milliseconds. */
export const TTL_MS = 5_000;
/** Most answers kept; the one unused for longest goes first. */
export const MOST_ANSWERS = 2_048;
/** Most keys in all answers together: about a KiB each. */
export const MOST_KEYS = 65_536;

interface Answer<R> {
  readonly reply: R;
  readonly revision: number;
  readonly until: number;
  readonly weight: number;
}

export class ListingCache<R> {
  readonly #now: () => number;
  readonly #answers = new Map<string, Answer<R>>();
  #keys = 0;
  readonly counters = { hits: 0, misses: 0 };

  /** @param now milliseconds that never run backwards */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The answer, kept or made. `weight` is the number of keys in it. */
  async answer(question: string, revision: number, make: () => Promise<R>, weight: (reply: R) => number): Promise<R> {
    const known = this.#answers.get(question);
    if (known !== undefined && known.revision === revision && this.#now() < known.until) {
      this.counters.hits += 1;
      this.#answers.delete(question);
      this.#answers.set(question, known);
      return known.reply;
    }
    this.counters.misses += 1;
    const reply = await make();
    this.#forget(question);
    const answer = { reply, revision, until: this.#now() + TTL_MS, weight: 1 + weight(reply) };
    this.#answers.set(question, answer);
    this.#keys += answer.weight;
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_ANSWERS && this.#keys <= MOST_KEYS) break;
      this.#forget(oldest);
    }
    return reply;
  }

  #forget(question: string): void {
    this.#keys -= this.#answers.get(question)?.weight ?? 0;
    this.#answers.delete(question);
  }
}
