/**
 * Where the next durable write runs: on the event loop while the disk is quick, in the thread pool when it is not.
 *
 * A quick write costs the loop less than handing it to the pool and taking its result back, and it does not stand in
 * line there behind costly signatures. A slow one would hold up everybody. So the loop writes itself while no more
 * than about one write in a hundred takes over a millisecond, and tries again after a while in the pool.
 */

/** A write below this many milliseconds is quick. */
const QUICK_MS = 1;
/** What each millisecond of a slow write counts; a quick write takes one off, so this is one in so many. */
const SLOW_COUNTS = 100;
/** Above this the disk is slow: three slow milliseconds close together. */
const TOO_SLOW = 3 * SLOW_COUNTS;
/** Writes that go to the pool before the loop tries again. */
const POOL_WRITES = 1024;
/** A write that nobody else waits for may take so many milliseconds of the loop. */
const ALONE_MS = 8;
/** Larger writes go to the pool whatever the pace, in bytes. */
const LARGE_BYTES = 256 * 1024;

export class DiskPace {
  #slowness = 0;
  #poolWrites = 0;
  #lastMs = 0;

  /**
   * Whether a write of this size may run on the event loop.
   *
   * @param alone nothing else is under way: only a very slow disk then makes the pool, and two changes of thread, worth it
   */
  inline(bytes: number, alone = false): boolean {
    if (bytes > LARGE_BYTES) return false;
    if (this.#poolWrites === 0) return true;
    this.#poolWrites -= 1;
    return alone && this.#lastMs < ALONE_MS;
  }

  /** Tells how long a write on the event loop took. */
  wrote(milliseconds: number): void {
    this.#lastMs = milliseconds;
    if (milliseconds < QUICK_MS) {
      this.#slowness = Math.max(0, this.#slowness - 1);
      return;
    }
    this.#slowness += Math.ceil(milliseconds) * SLOW_COUNTS;
    if (this.#slowness <= TOO_SLOW) return;
    this.#poolWrites = POOL_WRITES;
    // On probation: the first slow write afterwards decides.
    this.#slowness = TOO_SLOW - SLOW_COUNTS;
  }
}
