import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBuckets, type Rate } from "./token-buckets.ts";

const MINUTE = 60_000;
const buckets = (most = 4096, idleMs = 5 * MINUTE) => new TokenBuckets({ most, idleMs });

/** The same in whole numbers: thousandths of tokens, milliseconds, tokens a second. No eviction. */
class Model {
  readonly #tokens = new Map<string, { held: number; at: number }>();

  take(name: string, { perSecond, burst }: Rate, now: number): boolean {
    const known = this.#tokens.get(name) ?? { held: burst * 1000, at: now };
    const held = Math.min(burst * 1000, known.held + (now - known.at) * perSecond);
    const taken = held >= 1000;
    this.#tokens.set(name, { held: taken ? held - 1000 : held, at: now });
    return taken;
  }
}

test("buckets answer like a bucket whose tokens are counted, whoever asks and whenever", () => {
  const step = fc.record({ name: fc.constantFrom("a", "b", "c"), after: fc.nat(700) });
  const rate = fc.record({ perSecond: fc.integer({ min: 1, max: 2000 }), burst: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), rate, fc.nat(2 ** 40), (steps, rated, start) => {
      const real = buckets();
      const model = new Model();
      let now = start;
      for (const { name, after } of steps) {
        now += after;
        assert.equal(real.take(name, rated, now).waitMs === 0, model.take(name, rated, now));
      }
    }),
    { numRuns: 300 },
  );
});

test("a few places, many names: in no span of time does anybody get more than from a bucket of their own and the crowd's", () => {
  const step = fc.record({ name: fc.nat(12).map(String), after: fc.oneof(fc.constant(0), fc.nat(50)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const rate = { perSecond: 10, burst: 3 };
      const real = buckets(4, 1000);
      const taken = new Map<string, number[]>();
      let now = 0;
      for (const { name, after } of steps) {
        now += after;
        if (real.take(name, rate, now).waitMs === 0) taken.set(name, [...(taken.get(name) ?? []), now]);
        assert.ok(real.size <= 4);
      }
      for (const times of taken.values())
        for (const [from, began] of times.entries())
          for (const [to, ended] of times.entries())
            if (to > from) assert.ok(to - from + 1 <= 2 * (rate.burst + ((ended - began) / 1000) * rate.perSecond));
    }),
    { numRuns: 300 },
  );
});

test("the wait that is told is exactly what it takes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 20 }), (perSecond, burst) => {
      const rate = { perSecond, burst };
      const real = buckets();
      let refused = real.take("a", rate, 0);
      for (let times = 0; times < burst; times += 1) refused = real.take("a", rate, 0);
      assert.ok(refused.waitMs > 0);
      assert.ok(real.take("a", rate, refused.waitMs - 0.01).waitMs > 0);
      assert.equal(real.take("a", rate, refused.waitMs).waitMs, 0);
    }),
  );
});

test("of a run of refusals the first is marked, until a token was taken again", () => {
  const real = buckets();
  const rate = { perSecond: 1, burst: 1 };
  const firsts = [0, 1, 2, 1000, 1001, 1002]
    .map((now) => real.take("a", rate, now))
    .map(({ waitMs, first }) => (waitMs === 0 ? "taken" : first));
  assert.deepEqual(firsts, ["taken", true, false, "taken", true, false]);
});

test("who comes under ever new names pushes out nobody who is under way, and gets no fresh burst", () => {
  const real = buckets(100);
  const rate = { perSecond: 1, burst: 5 };
  for (let honest = 0; honest < 100; honest += 1) real.take(`honest ${honest}`, rate, 0);
  let taken = 0;
  for (let name = 0; name < 10_000; name += 1) if (real.take(`attacker ${name}`, rate, 1).waitMs === 0) taken += 1;
  assert.equal(taken, 5, "all of them together have one bucket");
  assert.equal(real.size, 100);
  // The honest still have what they had: four tokens of five.
  for (let times = 0; times < 4; times += 1) assert.equal(real.take("honest 7", rate, 2).waitMs, 0);
  assert.ok(real.take("honest 7", rate, 2).waitMs > 0);
});

test("a bucket that is full again makes room, the one unused for longest first", () => {
  const real = buckets(2);
  const rate = { perSecond: 1, burst: 2 };
  real.take("a", rate, 0);
  real.take("b", rate, 0);
  real.take("a", rate, 500);
  assert.equal(real.take("c", rate, 2_000).waitMs, 0);
  assert.equal(real.size, 2);
  // "b" went: "a" had been used later. It is full and so is a new one.
  assert.equal(real.take("d", rate, 2_000).waitMs, 0);
});

test("buckets unused for five minutes are forgotten as others come by", () => {
  const real = buckets();
  const rate = { perSecond: 100, burst: 200 };
  for (let name = 0; name < 1000; name += 1) real.take(String(name), rate, 0);
  assert.equal(real.size, 1000);
  for (let times = 0; times < 500; times += 1) real.take("later", rate, 5 * MINUTE + times);
  assert.equal(real.size, 1);
});

test("a rate that is lowered counts at once, and a higher one too", () => {
  const real = buckets();
  for (let times = 0; times < 100; times += 1) real.take("a", { perSecond: 1, burst: 100 }, 0);
  assert.ok(real.take("a", { perSecond: 1, burst: 100 }, 0).waitMs > 0);
  const { waitMs } = real.take("a", { perSecond: 10, burst: 1 }, 0);
  assert.ok(waitMs > 0 && waitMs <= 100.1, String(waitMs));
});
