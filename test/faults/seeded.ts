/**
 * Random numbers that can be had again: `KEYSTEAD_SEED=n` repeats a run. The seed is printed with the test.
 *
 * @see https://doi.org/10.1002/spe.3030 for splitmix-like mixers; this is mulberry32
 */
export interface Random {
  readonly seed: number;
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  /** One of these. */
  of<T>(choices: readonly T[]): T;
}

export function seeded(seed: number = Number(process.env["KEYSTEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 31))): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { seed, below, of: (choices) => choices[below(choices.length)] as never };
}
