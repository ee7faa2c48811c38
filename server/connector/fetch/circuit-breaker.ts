/**
 * A circuit breaker toward one destination: who fails again and again is left alone for a while.
 *
 *      closed ── failures in a row ──► open ── after a wait ──► half open ── success ──► closed
 *                                        ▲                          │
 *                                        └──── failure: twice as long
 *
 * While half open exactly one attempt is let through. It keeps no timer: it looks at the clock when it is asked.
 */
export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  readonly firstWaitMs: number;
  readonly lastWaitMs: number;
}

export const BREAKER_LIMITS: BreakerLimits = Object.freeze({ failures: 3, firstWaitMs: 1000, lastWaitMs: 60_000 });

export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  readonly #now: () => number;
  #failures = 0;
  #openUntil = 0;
  #trying = false;

  /** @param now milliseconds that only grow */
  constructor(now: () => number, limits: BreakerLimits = BREAKER_LIMITS) {
    this.#now = now;
    this.#limits = limits;
  }

  get state(): "closed" | "open" | "half open" {
    if (this.#failures < this.#limits.failures) return "closed";
    return this.#now() < this.#openUntil ? "open" : "half open";
  }

  /** Milliseconds until an attempt may be made; 0 when one may be made now, and then it must be told how it ended. */
  begin(): number {
    const state = this.state;
    if (state === "closed") return 0;
    if (state === "open") return this.#openUntil - this.#now();
    if (this.#trying) return this.#limits.firstWaitMs;
    this.#trying = true;
    return 0;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#trying = false;
  }

  failed(): void {
    this.#failures += 1;
    this.#trying = false;
    const { failures, firstWaitMs, lastWaitMs } = this.#limits;
    if (this.#failures >= failures)
      this.#openUntil = this.#now() + Math.min(lastWaitMs, firstWaitMs * 2 ** Math.min(30, this.#failures - failures));
  }
}
