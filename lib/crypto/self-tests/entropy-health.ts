/**
 * Health tests of a random source: the repetition count test and the adaptive proportion test.
 *
 * They look at bytes as they come and find a source that got stuck or leans hard to one value. What reaches this
 * process is the system's conditioned output, not its raw noise, so they cannot measure entropy: they notice a source
 * that has failed outright, and that is all they are for.
 *
 * Both assume 7 bits of entropy a byte, one less than the source claims. Repetition: α = 2^-56, so that a sound source
 * is not accused in the life of a server. Proportion: the least cutoff with α ≤ 2^-56 over windows of 512.
 *
 * @see NIST SP 800-90B §4.4.1, §4.4.2
 */

/** Bytes looked at before the first use: SP 800-90B §4.3 asks for at least 1,024 samples. */
export const STARTUP_BYTES = 4096;

/** 1 + ⌈56 / 7⌉. */
export const REPETITION_CUTOFF = 9;
export const WINDOW = 512;
/** 1 + critbinom(512, 2^-7, 1 - 2^-56); the suite beside this file computes it again. */
export const PROPORTION_CUTOFF = 31;

/** The state of both tests over one stream. */
export class EntropyHealth {
  #last = -1;
  #repeated = 0;
  #first = -1;
  #seen = 0;
  #same = 0;
  #failed = false;

  /** True once a test has failed; it stays so. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Looks at the next bytes of the stream. @returns false when a test has failed, now or before */
  accepts(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      this.#repeated = byte === this.#last ? this.#repeated + 1 : 1;
      this.#last = byte;
      if (this.#repeated >= REPETITION_CUTOFF) this.#failed = true;
      if (this.#seen === 0) {
        this.#first = byte;
        this.#same = 1;
      } else if (byte === this.#first) {
        this.#same += 1;
        if (this.#same >= PROPORTION_CUTOFF) this.#failed = true;
      }
      this.#seen = (this.#seen + 1) % WINDOW;
    }
    return !this.#failed;
  }
}
