import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { PYTHON } from "../audit-verifier/second-opinion.ts";
import { goldenLog } from "../golden-logs/golden.ts";
import { damageLogs } from "./damaged-logs.ts";
import { seeded } from "./seeded.ts";

const noPython = spawnSync(PYTHON, ["--version"]).status !== 0 && process.env["CI"] !== "true" && "there is no Python";
const ROUNDS = 300;

test(`of ${ROUNDS} damaged logs both verifiers find every one, and name the same first bad event`, { skip: noPython }, async (t) => {
  const random = seeded();
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const { found, harmless } = await damageLogs(goldenLog("0.1.0-checkpoints"), ROUNDS, random);
  t.diagnostic(`${found} found, ${harmless} changed nothing that files can show`);
  assert.ok(found > ROUNDS / 2);
});
