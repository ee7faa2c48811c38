/**
 * Who may come in at all: a bounded number of requests at a time, each with a deadline. Knows nothing of callers.
 */
import { HsmError } from "@keystead/contract/errors";

export class Admission {
  readonly #maxInFlight: number;
  readonly #timeoutMs: number;
  #inFlight = 0;
  #closed = false;
  #waiters: (() => void)[] = [];

  constructor(limits: { readonly maxInFlight: number; readonly requestTimeoutSeconds: number }) {
    this.#maxInFlight = limits.maxInFlight;
    this.#timeoutMs = limits.requestTimeoutSeconds * 1000;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Counts a request in. @throws {HsmError} PROVIDER_UNAVAILABLE when there are too many, or the gateway is stopping */
  enter(): void {
    if (this.#closed)
      throw new HsmError("PROVIDER_UNAVAILABLE", "the server is stopping; nothing was done", { retryAfterSeconds: 1, nothingDone: true });
    if (this.#inFlight >= this.#maxInFlight)
      throw new HsmError("PROVIDER_UNAVAILABLE", "too many requests are in flight; nothing was done", {
        retryAfterSeconds: 1,
        nothingDone: true,
      });
    this.#inFlight += 1;
  }

  /** Counts it out. */
  leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) for (const wake of this.#waiters.splice(0)) wake();
  }

  /** The deadline of a request, in milliseconds from now: the caller's, never longer than the server's. */
  deadlineMs(askedMs: number | undefined): number {
    return Math.max(1, Math.min(askedMs ?? this.#timeoutMs, this.#timeoutMs));
  }

  /** Lets nobody in any more; resolves when everybody is out. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}
