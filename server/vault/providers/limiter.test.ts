import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Limiter } from "./limiter.ts";

interface Job {
  readonly principal: string;
  readonly weight: number;
  readonly fails: boolean;
}

const JOB: fc.Arbitrary<Job> = fc.record({
  principal: fc.constantFrom("a", "b", "c", "d"),
  weight: fc.integer({ min: 1, max: 6 }),
  fails: fc.boolean(),
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts jobs and finishes running ones in the order that `pick` gives, until all have ended. */
async function run(
  limiter: Limiter,
  jobs: readonly Job[],
  pick: (running: number) => number,
): Promise<{ order: Job[]; loads: number[]; sizes: number[] }> {
  const order: Job[] = [];
  const running: { job: Job; end: () => void }[] = [];
  const loads: number[] = [];
  const sizes: number[] = [];
  const measure = (): void => {
    loads.push(running.reduce((sum, { job }) => sum + job.weight, 0));
    sizes.push(running.length);
  };
  const all = jobs.map((job) =>
    limiter.run(
      job.principal,
      job.weight,
      () =>
        new Promise<Job>((resolve, reject) => {
          order.push(job);
          running.push({ job, end: () => (job.fails ? reject(new Error("job failed")) : resolve(job)) });
          measure();
        }),
    ),
  );
  const results = Promise.allSettled(all);
  await turn();
  while (running.length > 0) {
    const [ended] = running.splice(pick(running.length), 1);
    ended?.end();
    await turn();
  }
  for (const [index, result] of (await results).entries())
    assert.equal(result.status, jobs[index]?.fails === true ? "rejected" : "fulfilled");
  return { order, loads, sizes };
}

test("jobs never take more places than there are, unless one alone is larger, and every job runs, also after failures", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.array(JOB, { maxLength: 30 }),
      fc.infiniteStream(fc.nat(1000)),
      async (places, jobs, picks) => {
        const limiter = new Limiter(places);
        const { order, loads, sizes } = await run(limiter, jobs, (running) => (picks.next().value as number) % running);
        assert.equal(order.length, jobs.length);
        for (const [index, load] of loads.entries()) assert.ok(load <= places || sizes[index] === 1, `${load} of ${places} places`);
        assert.equal(limiter.waiting, 0);
        // Whatever happened, the places are free again.
        const again = await run(
          limiter,
          Array.from({ length: places }, () => ({ principal: "z", weight: 1, fails: false })),
          () => 0,
        );
        assert.equal(Math.max(...again.sizes), places);
      },
    ),
    { numRuns: 150 },
  );
});

test("each principal's jobs start in the order they came", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(JOB, { maxLength: 30 }), async (jobs) => {
      const { order } = await run(new Limiter(3), jobs, () => 0);
      for (const principal of "abcd")
        assert.deepEqual(
          order.filter((job) => job.principal === principal),
          jobs.filter((job) => job.principal === principal),
        );
    }),
    { numRuns: 100 },
  );
});

test("a newcomer waits for one job of each other principal, not for a crowd's whole queue", async () => {
  const crowd = Array.from({ length: 64 }, (): Job => ({ principal: "crowd", weight: 4, fails: false }));
  const { order } = await run(new Limiter(8), [...crowd, { principal: "newcomer", weight: 1, fails: false }], () => 0);
  // Two run at once, one stands at the head of the round.
  assert.ok(order.findIndex(({ principal }) => principal === "newcomer") <= 3);
});

test("two principals with long queues take turns", async () => {
  const jobs = [..."aaaaaaaaaabbbbbbbbbb"].map((principal): Job => ({ principal, weight: 1, fails: false }));
  const { order } = await run(new Limiter(1), jobs, () => 0);
  for (let at = 2; at < 18; at++) {
    const so = order.slice(0, at).map(({ principal }) => principal);
    assert.ok(Math.abs(so.filter((name) => name === "a").length - so.filter((name) => name === "b").length) <= 2, so.join(""));
  }
});

test("a heavy job is not starved by a stream of light ones", async () => {
  const limiter = new Limiter(4);
  let heavyRan = false;
  let light = 0;
  const ends: (() => void)[] = [];
  const add = (): void => {
    void limiter.run(`light${light++ % 5}`, 1, () => new Promise<void>((resolve) => ends.push(resolve)));
  };
  for (let index = 0; index < 6; index++) add();
  const heavy = limiter.run("heavy", 4, async () => {
    heavyRan = true;
  });
  for (let round = 0; round < 40 && !heavyRan; round++) {
    add();
    ends.shift()?.();
    await turn();
  }
  assert.equal(heavyRan, true);
  await heavy;
  while (limiter.waiting > 0 || ends.length > 0) {
    ends.shift()?.();
    await turn();
  }
});

test("a job that throws at once gives its places back", async () => {
  const limiter = new Limiter(1);
  await assert.rejects(
    limiter.run("a", 1, () => {
      throw new Error("at once");
    }),
    /at once/,
  );
  assert.equal(await limiter.run("a", 1, () => Promise.resolve(7)), 7);
});

test("a limiter works from the first job to the last, also when one fails", async () => {
  const limiter = new Limiter(1);
  assert.equal(limiter.working, false);
  let end = (): void => undefined;
  const first = limiter.run("a", 1, () => new Promise<void>((resolve) => (end = resolve)));
  const second = limiter.run("b", 1, () => Promise.reject(new Error("no")));
  assert.equal(limiter.working, true);
  end();
  await first;
  await assert.rejects(second);
  assert.equal(limiter.working, false);
});
