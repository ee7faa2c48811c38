import assert from "node:assert/strict";
import { test } from "node:test";
import { ATTACKS } from "./mutations.ts";
import { seeded } from "./seeded.ts";

const ROUNDS = 1000;

for (const [what, attack] of Object.entries(ATTACKS))
  test(`${ROUNDS} mutations of ${what} let nobody in and crash nothing`, async (t) => {
    const random = seeded();
    t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
    assert.ok((await attack(ROUNDS, random)) > ROUNDS / 200, "too few were read far enough to say anything");
  });
