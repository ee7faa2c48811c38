import { test } from "node:test";
import { killRounds } from "./kill-rounds.ts";
import { seeded } from "./seeded.ts";

test("100 times kill -9 under load loses nothing that was acknowledged", { timeout: 1_800_000 }, async (t) => {
  const random = seeded();
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  await killRounds({ rounds: 100, random, say: (text) => t.diagnostic(text) });
});
