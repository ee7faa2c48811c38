/**
 * A bounded number of jobs on the thread pool, shared fairly.
 *
 * Each principal has a queue of its own and the queues take turns, so that sixty-four callers of RSA do not keep one
 * caller of something else waiting behind all of them. A job takes as many places as it is heavy.
 */
export class Limiter {
  readonly #places: () => number;
  #taken = 0;
  readonly #queues = new Map<string, { weight: number; start: () => void }[]>();

  /** @param places what may run at once, in units of weight, 1 to 1024; a function when it depends on the moment */
  constructor(places: number | (() => number)) {
    this.#places = typeof places === "number" ? () => places : places;
  }

  /** Jobs that wait. */
  get waiting(): number {
    let waiting = 0;
    for (const queue of this.#queues.values()) waiting += queue.length;
    return waiting;
  }

  /** Whether jobs wait or run. */
  get working(): boolean {
    return this.#taken > 0 || this.#queues.size > 0;
  }

  /** Runs `job` when it is this principal's turn and there is room. */
  async run<T>(principal: string, weight: number, job: () => Promise<T>): Promise<T> {
    if (this.#taken + weight > this.#places() || this.#queues.size > 0) {
      await new Promise<void>((start) => {
        const queue = this.#queues.get(principal);
        if (queue === undefined) this.#queues.set(principal, [{ weight, start }]);
        else queue.push({ weight, start });
        this.#next();
      });
    } else {
      this.#taken += weight;
    }
    try {
      return await job();
    } finally {
      this.#taken -= weight;
      this.#next();
    }
  }

  #next(): void {
    const places = this.#places();
    for (const [principal, queue] of this.#queues) {
      const first = queue[0];
      // A heavy job at the head keeps its turn: nothing overtakes it, so it cannot starve.
      if (first === undefined || this.#taken + Math.min(first.weight, places) > places) return;
      queue.shift();
      // The principal goes to the end of the round.
      this.#queues.delete(principal);
      if (queue.length > 0) this.#queues.set(principal, queue);
      this.#taken += first.weight;
      first.start();
    }
  }
}
