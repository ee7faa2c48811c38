/**
 * When a sink is tried again: after a failure twice as long as after the one before, never quite on time, so that many sinks of one
 * receiver do not come together; and after several failures in a row it is left alone for a while.
 */
export interface PaceLimits {
  /** Before the first repetition. */
  readonly firstMs: number;
  /** The longest wait between attempts, and how long it is left alone. */
  readonly lastMs: number;
  /** Failures in a row after which it is left alone. */
  readonly failures: number;
}

export const BREAK_FAILURES = 5;
export const BREAK_MS = 60_000;
/** Longest time that a receiver may ask for. */
const MOST_ASKED_MS = 3_600_000;

/**
 * Milliseconds until the next attempt, after so many failures in a row, at least one.
 *
 * @param random from 0 to less than 1
 * @param askedMs how long the receiver asked to be left alone
 */
export function pauseMs(failures: number, { firstMs, lastMs, failures: most }: PaceLimits, random: number, askedMs = 0): number {
  const doubled = failures >= most ? lastMs : Math.min(lastMs, firstMs * 2 ** Math.min(30, failures - 1));
  // Between three quarters and all of it.
  return Math.round(Math.max(Math.min(askedMs, MOST_ASKED_MS), doubled * (0.75 + random / 4)));
}
