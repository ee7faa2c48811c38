import assert from "node:assert/strict";
import { test } from "node:test";
import { ATTACKS } from "./mutations.ts";
import { seeded } from "./seeded.ts";

const ROUNDS = 100_000;

for (const [what, attack] of Object.entries(ATTACKS))
  test(`${ROUNDS} mutations of ${what} let nobody in and crash nothing`, { timeout: 1_800_000 }, async (t) => {
    const random = seeded();
    const started = performance.now();
    t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
    const read = await attack(ROUNDS, random);
    t.diagnostic(`${read} of ${ROUNDS} were read to a decision, in ${Math.round((performance.now() - started) / 1000)} s`);
    assert.ok(read > ROUNDS / 200, "too few were read far enough to say anything");
  });
