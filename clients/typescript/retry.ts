/**
 * When a call is tried again, and after how long.
 *
 * A second try is safe in two cases only: nothing was done, because the server never saw the first one or says so, or the operation changes nothing and
 * uses no key to make something new. A Sign whose outcome is unknown is reported to the caller, who may repeat it
 * under the same request id.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";

/** Tries after the first one. */
const RETRIES = 3;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

const PASSING = new Set(["PROVIDER_UNAVAILABLE", "AUDIT_UNAVAILABLE"]);
/** Operations that only check or digest, beside those whose effect is `read`. */
const CHECKS = new Set(["Verify", "VerifyMac", "Hash"]);

/** May this call be sent again after this failure? */
export function mayRetry(operation: Pick<Operation, "name" | "effect">, error: HsmError): boolean {
  if (!PASSING.has(error.code)) return false;
  return error.nothingDone || operation.effect === "read" || CHECKS.has(operation.name);
}

/** Delay before try number `attempt` (from 1): doubling, half of it random, at least what the server asked for. */
export function delayBefore(attempt: number, error: HsmError, random: () => number = Math.random): number {
  const ceiling = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), LONGEST_DELAY_MS);
  return Math.max(ceiling / 2 + (ceiling / 2) * random(), (error.retryAfterSeconds ?? 0) * 1000);
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the deadline would pass while waiting.
 *
 * @param deadline  milliseconds since the epoch after which no further try starts
 */
export async function withRetries<T>(
  operation: Pick<Operation, "name" | "effect">,
  deadline: number,
  attempt: () => Promise<T>,
  asError: (thrown: unknown) => HsmError,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = asError(thrown);
      if (tries >= RETRIES || !mayRetry(operation, error)) throw error;
      const delay = delayBefore(tries + 1, error);
      if (Date.now() + delay >= deadline) throw error;
      await sleep(delay);
    }
  }
}
