/**
 * Lockout: after so many failed attempts in a row, a user is kept out for a while.
 *
 * A state and what becomes of it; nothing here reads a clock or keeps anything. Whoever is locked out must get the same
 * answer, after the same work, as somebody who gave a wrong password: a lockout must not tell whether a user exists.
 */

export interface LockoutRules {
  readonly maxAttempts: number;
  readonly lockoutMs: number;
}

/** What is known of a user's failed attempts. */
export interface Attempts {
  /** Failures since the last success, or since the last lockout ended. */
  readonly failures: number;
  /** Milliseconds since the epoch; 0 = never. */
  readonly lockedUntil: number;
}

export const NO_ATTEMPTS: Attempts = Object.freeze({ failures: 0, lockedUntil: 0 });

export const isLocked = (attempts: Attempts, now: number): boolean => now < attempts.lockedUntil;

/**
 * After one more failure. While locked, nothing counts: otherwise a stranger could keep somebody out for ever by trying
 * on, and the one who waits would find the time moved.
 */
export function afterFailure(attempts: Attempts, now: number, { maxAttempts, lockoutMs }: LockoutRules): Attempts {
  if (isLocked(attempts, now)) return attempts;
  const failures = attempts.failures + 1;
  return failures >= maxAttempts ? { failures: 0, lockedUntil: now + lockoutMs } : { failures, lockedUntil: 0 };
}
