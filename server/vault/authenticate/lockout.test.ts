import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterFailure, isLocked, NO_ATTEMPTS, type Attempts, type LockoutRules } from "./lockout.ts";

const RULES: LockoutRules = { maxAttempts: 5, lockoutMs: 300_000 };
const failing = (times: number, from: Attempts, now: number): Attempts => {
  let attempts = from;
  for (let index = 0; index < times; index += 1) attempts = afterFailure(attempts, now, RULES);
  return attempts;
};

test("the fifth failure in a row locks for five minutes, and not the fourth", () => {
  assert.equal(isLocked(failing(4, NO_ATTEMPTS, 1000), 1000), false);
  const locked = failing(5, NO_ATTEMPTS, 1000);
  assert.equal(isLocked(locked, 1000), true);
  assert.equal(isLocked(locked, 300_999), true);
  assert.equal(isLocked(locked, 301_000), false);
});

test("attempts while locked neither count nor prolong the lockout", () => {
  const locked = failing(5, NO_ATTEMPTS, 1000);
  assert.deepEqual(failing(50, locked, 200_000), locked);
});

test("after a lockout the count begins anew", () => {
  const locked = failing(5, NO_ATTEMPTS, 0);
  assert.equal(isLocked(failing(4, locked, 300_000), 300_000), false);
  assert.equal(isLocked(failing(5, locked, 300_000), 300_000), true);
});

test("whatever the times of the attempts, no more of them are heard than the rules allow", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60_000), { maxLength: 400 }), fc.integer({ min: 1, max: 8 }), (pauses, maxAttempts) => {
      const rules = { maxAttempts, lockoutMs: 300_000 };
      let now = 0;
      let heard = 0;
      let attempts = NO_ATTEMPTS;
      for (const pause of pauses) {
        now += pause;
        if (!isLocked(attempts, now)) heard += 1;
        attempts = afterFailure(attempts, now, rules);
      }
      assert.ok(heard <= maxAttempts * (Math.floor(now / rules.lockoutMs) + 1), `${heard} in ${now} ms`);
    }),
  );
});
