/**
 * A view: the keys of a namespace that a token shows. Whoever comes by a token's PIN uses, makes and sees no other key,
 * through whichever door they come. A leaf: this file imports nothing.
 */

export interface TokenView {
  /** Keys that carry all of them; empty = all. */
  readonly tags: readonly string[];
  /** Canonical names; empty = all. */
  readonly algorithms: readonly string[];
}

/** Whether a key is in a view; of a key that is not there nothing is known, so it is in none that says anything. */
export const inView = (view: TokenView, { algorithm, tags }: { readonly algorithm: string; readonly tags: readonly string[] }): boolean =>
  view.tags.every((tag) => tags.includes(tag)) && (view.algorithms.length === 0 || view.algorithms.includes(algorithm));
