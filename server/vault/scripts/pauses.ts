/**
 * Which scripts wait before they are asked again, and for whom.
 *
 * A question that came to no decision has used time for nothing. The same script is asked for the same caller again when
 * many times as long has passed: so a script that never ends takes a small share of the process that all scripts run in,
 * and others' decisions are not kept waiting.
 */

/** Times what the failure cost. */
const FACTOR = 50;
const LONGEST_MS = 10_000;
/** A failure that cost less than this hinders nobody. */
const CHEAP_MS = 0.5;
const MOST = 4096;

export class Pauses {
  /** Until when, by what is paused; the ones that began first stand first. */
  readonly #until = new Map<string, number>();

  /** @param key what failed @param costMs processor time of that @param now `performance.now()` */
  failed(key: string, costMs: number, now: number): void {
    if (costMs < CHEAP_MS) return;
    this.#until.delete(key);
    const [oldest] = this.#until.keys();
    if (this.#until.size >= MOST && oldest !== undefined) this.#until.delete(oldest);
    this.#until.set(key, now + Math.min(LONGEST_MS, FACTOR * costMs));
  }

  active(key: string, now: number): boolean {
    if (this.#until.size === 0) return false;
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > now) return true;
    this.#until.delete(key);
    return false;
  }
}
