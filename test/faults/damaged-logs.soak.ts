import assert from "node:assert/strict";
import { test } from "node:test";
import { goldenLog } from "../golden-logs/golden.ts";
import { damageLogs } from "./damaged-logs.ts";
import { seeded } from "./seeded.ts";

const ROUNDS = 10_000;

test(`of ${ROUNDS} damaged logs both verifiers find every one, and name the same first bad event`, { timeout: 1_800_000 }, async (t) => {
  const random = seeded();
  const started = performance.now();
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const { found, harmless, byKind } = await damageLogs(goldenLog("0.1.0-checkpoints"), ROUNDS, random);
  t.diagnostic(`${found} found, ${harmless} changed nothing that files can show, in ${Math.round((performance.now() - started) / 1000)} s`);
  for (const [kind, count] of byKind) t.diagnostic(`${count} times ${kind}`);
  assert.ok(found > ROUNDS / 2);
});
