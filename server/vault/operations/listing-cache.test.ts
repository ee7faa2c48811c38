import assert from "node:assert/strict";
import { test } from "node:test";
import { ListingCache, MOST_ANSWERS, MOST_KEYS, TTL_MS } from "./listing-cache.ts";

/** A cache whose answers are counted, and a clock that is set by hand. */
function subject() {
  let now = 0;
  let made = 0;
  const cache = new ListingCache<readonly number[]>(() => now);
  return {
    cache,
    pass: (ms: number) => (now += ms),
    made: () => made,
    ask: (question: string, revision = 1, keys = 1) =>
      cache.answer(
        question,
        revision,
        async () => {
          made += 1;
          return Array.from({ length: keys }, () => made);
        },
        (reply) => reply.length,
      ),
  };
}

test("an answer is given again to the same question only, and counted", async () => {
  const { ask, made, cache } = subject();
  assert.deepEqual(await ask("a"), [1]);
  assert.deepEqual(await ask("a"), [1]);
  assert.deepEqual(await ask("b"), [2]);
  assert.equal(made(), 2);
  assert.deepEqual(cache.counters, { hits: 1, misses: 2 });
});

test("a change of the namespace, and the passing of time, end an answer", async () => {
  const { ask, pass } = subject();
  await ask("a", 1);
  assert.deepEqual(await ask("a", 2), [2]);
  assert.deepEqual(await ask("a", 2), [2]);
  pass(TTL_MS - 1);
  assert.deepEqual(await ask("a", 2), [2]);
  pass(1);
  assert.deepEqual(await ask("a", 2), [3]);
});

test("an answer that was begun before a change is not given after it", async () => {
  const { cache } = subject();
  let change!: () => void;
  const slow = cache.answer(
    "a",
    1,
    () => new Promise<readonly number[]>((resolve) => (change = () => resolve([1]))),
    () => 1,
  );
  await Promise.resolve();
  change();
  await slow;
  assert.deepEqual(
    await cache.answer(
      "a",
      2,
      async () => [2],
      () => 1,
    ),
    [2],
  );
});

test("of more than 2,048 answers those unused for longest are gone", async () => {
  const { ask, made } = subject();
  for (let question = 0; question < MOST_ANSWERS; question += 1) await ask(String(question));
  await ask("0");
  await ask("new");
  assert.equal(made(), MOST_ANSWERS + 1);
  await ask("0");
  assert.equal(made(), MOST_ANSWERS + 1, "used since, and kept");
  await ask("1");
  assert.equal(made(), MOST_ANSWERS + 2, "the one unused for longest");
});

test("keys are bounded too, and an answer too large for all of it is made each time", async () => {
  const { ask, made } = subject();
  for (let question = 0; question < 100; question += 1) await ask(String(question), 1, 1000);
  await ask("0", 1, 1000);
  assert.equal(made(), 101);
  await ask("99", 1, 1000);
  assert.equal(made(), 101);
  await ask("huge", 1, MOST_KEYS);
  await ask("huge", 1, MOST_KEYS);
  assert.equal(made(), 103);
});

test("what cannot be answered is not kept", async () => {
  const { cache } = subject();
  await assert.rejects(
    cache.answer(
      "a",
      1,
      () => Promise.reject(new Error("no")),
      () => 1,
    ),
  );
  assert.deepEqual(
    await cache.answer(
      "a",
      1,
      async () => [1],
      () => 1,
    ),
    [1],
  );
});
