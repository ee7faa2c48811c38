/**
 * The one place where this code draws random bytes for itself: nonces, salts, ids, secret keys, root keys.
 *
 * Bytes come from OpenSSL's generator, which the system seeds. Every byte passes the continuous health tests, and when
 * a hardware source is configured its output is mixed in: XORed as an HKDF stream, so that it can add and never take
 * away. What OpenSSL draws inside its own functions (key pairs, the nonces of ECDSA, the salts of PSS, ML-KEM's and
 * ML-DSA's coins) comes from the same generator and does not pass through here. This file opens nothing: whoever has a
 * hardware source reads it and hands its bytes in.
 *
 * @see NIST SP 800-90B §4.4; NIST SP 800-90C §4 (combining sources); RFC 5869
 */
import { hkdfSync, randomFillSync } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { EntropyHealth } from "./self-tests/entropy-health.ts";
import { secretBuffer, wipe } from "./wipe.ts";

/** Bytes of hardware output that one {@link RandomSource.mix} takes. */
export const HARDWARE_BYTES = 64;
const STATE_BYTES = 48;
/** Most that one HKDF expansion gives with SHA-384 (RFC 5869 §2.3). */
const STREAM_BYTES = 255 * 48;

const unhealthy = (what: string): HsmError => new HsmError("SELF_TEST_FAILED", `${what} failed its health test`);

/** A source of random bytes with its health tests. There is one, {@link random}; a test may make another. */
export class RandomSource {
  readonly #system: (target: Uint8Array) => unknown;
  readonly #health = new EntropyHealth();
  readonly #hardwareHealth = new EntropyHealth();
  #state: Buffer | undefined;
  #draws = 0;

  constructor(system: (target: Uint8Array) => unknown = (target) => randomFillSync(target)) {
    this.#system = system;
  }

  /**
   * Fills `target` with random bytes and returns it.
   *
   * @throws {HsmError} SELF_TEST_FAILED   the source failed its health tests, now or before; `target` is zeroed
   */
  fill<T extends Uint8Array>(target: T): T {
    this.#system(target);
    if (!this.#health.accepts(target)) {
      target.fill(0);
      throw unhealthy("the system's random source");
    }
    if (this.#state !== undefined) this.#mixInto(this.#state, target);
    return target;
  }

  /**
   * Takes fresh output of a hardware source; what is drawn from now on has it mixed in. Wipes `bytes`.
   *
   * @throws {HsmError} SELF_TEST_FAILED   the hardware source is stuck or leans to a value
   */
  mix(bytes: Uint8Array): void {
    try {
      if (!this.#hardwareHealth.accepts(bytes)) throw unhealthy("the hardware random source");
      const before = this.#state ?? secretBuffer(STATE_BYTES);
      this.#state = Buffer.from(hkdfSync("sha384", bytes, before, "keystead/v1/hardware-state", STATE_BYTES));
      wipe(before);
    } finally {
      wipe(bytes);
    }
  }

  #mixInto(state: Buffer, target: Uint8Array): void {
    for (let at = 0; at < target.byteLength; at += STREAM_BYTES) {
      const length = Math.min(STREAM_BYTES, target.byteLength - at);
      const stream = new Uint8Array(hkdfSync("sha384", state, "", `keystead/v1/hardware-stream/${++this.#draws}`, length));
      for (let index = 0; index < length; index += 1) target[at + index] = (target[at + index] as number) ^ (stream[index] as number);
      wipe(stream);
    }
  }
}

/** The source of this process. */
export const random = new RandomSource();

/**
 * Fills `target` with random bytes and returns it.
 *
 * @throws {HsmError} SELF_TEST_FAILED   the random source failed; nothing may go on
 * @example
 * const nonce = fillRandom(Buffer.allocUnsafeSlow(12));
 */
export const fillRandom = <T extends Uint8Array>(target: T): T => random.fill(target);
