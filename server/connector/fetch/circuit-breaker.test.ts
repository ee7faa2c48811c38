import assert from "node:assert/strict";
import { test } from "node:test";
import { CircuitBreaker } from "./circuit-breaker.ts";

test("failures in a row open it, one attempt closes it again or doubles the wait, up to the last", () => {
  let now = 0;
  const breaker = new CircuitBreaker(() => now, { failures: 2, firstWaitMs: 100, lastWaitMs: 300 });
  const fail = (): void => {
    assert.equal(breaker.begin(), 0);
    breaker.failed();
  };
  fail();
  assert.equal(breaker.state, "closed");
  assert.equal(breaker.begin(), 0);
  breaker.succeeded();
  fail();
  fail();
  assert.deepEqual([breaker.state, breaker.begin()], ["open", 100]);
  now = 99;
  assert.equal(breaker.begin(), 1);
  now = 100;
  assert.equal(breaker.state, "half open");
  assert.equal(breaker.begin(), 0);
  assert.ok(breaker.begin() > 0, "a second attempt went through while half open");
  breaker.failed();
  assert.equal(breaker.begin(), 200);
  now = 300;
  fail();
  assert.equal(breaker.begin(), 300);
  now = 600;
  assert.equal(breaker.begin(), 0);
  breaker.succeeded();
  assert.deepEqual([breaker.state, breaker.begin()], ["closed", 0]);
});
