/**
 * What operations did since somebody last looked: how many, how many failed by the server's fault, how many were refused
 * at the login, and how long they took. For alerts, which must see the present and not the average since the start.
 */

/** Outcomes that are nobody's fault but the server's. */
const FAULTS: ReadonlySet<string> = new Set([
  "INTERNAL",
  "AUDIT_UNAVAILABLE",
  "PROVIDER_UNAVAILABLE",
  "INTEGRITY_FAILURE",
  "SELF_TEST_FAILED",
  "DEADLINE_EXCEEDED",
]);

export interface Window {
  readonly operations: number;
  readonly faults: number;
  readonly unauthenticated: number;
  /** 99th percentile of the durations, at most 15 % too high; undefined without operations. */
  readonly p99Seconds: number | undefined;
}

const FIRST = 1e-4;
const LOG_STEP = Math.log(1.15);
/** From 0.1 ms to beyond an hour. */
const STEPS = 130;

export class OperationWindow {
  readonly #durations = new Uint32Array(STEPS);
  #operations = 0;
  #faults = 0;
  #unauthenticated = 0;

  observe(outcome: string, seconds: number): void {
    this.#operations += 1;
    const step = seconds <= FIRST ? 0 : Math.min(STEPS - 1, Math.ceil(Math.log(seconds / FIRST) / LOG_STEP));
    this.#durations[step] = (this.#durations[step] as number) + 1;
    if (outcome === "OK") return;
    if (FAULTS.has(outcome)) this.#faults += 1;
    else if (outcome === "UNAUTHENTICATED") this.#unauthenticated += 1;
  }

  /** What there was since the last time; begins anew. */
  take(): Window {
    const taken = {
      operations: this.#operations,
      faults: this.#faults,
      unauthenticated: this.#unauthenticated,
      p99Seconds: this.#p99(),
    };
    this.#durations.fill(0);
    this.#operations = 0;
    this.#faults = 0;
    this.#unauthenticated = 0;
    return taken;
  }

  #p99(): number | undefined {
    const wanted = Math.ceil(0.99 * this.#operations);
    let seen = 0;
    for (const [step, count] of this.#durations.entries()) {
      seen += count;
      if (seen >= wanted && seen > 0) return FIRST * 1.15 ** step;
    }
    return undefined;
  }
}
