import assert from "node:assert/strict";
import { test } from "node:test";
import { pauseMs } from "./pace.ts";

const LIMITS = { firstMs: 1000, lastMs: 60_000, failures: 5 };

test("pauses double up to the fifth failure in a row, then it is left alone", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 100].map((failures) => pauseMs(failures, LIMITS, 0.999999)),
    [1000, 2000, 4000, 8000, 60_000, 60_000, 60_000],
  );
});

test("no two sinks keep the same time, and none comes before three quarters of it", () => {
  assert.equal(pauseMs(1, LIMITS, 0), 750);
  assert.notEqual(pauseMs(1, LIMITS, 0.2), pauseMs(1, LIMITS, 0.8));
});

test("a receiver may ask for more time, up to an hour, and not for less", () => {
  assert.equal(pauseMs(1, LIMITS, 0, 90_000), 90_000);
  assert.equal(pauseMs(1, LIMITS, 0, 1e12), 3_600_000);
  assert.equal(pauseMs(5, LIMITS, 0, 1), 45_000);
});
