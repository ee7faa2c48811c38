import { test } from "node:test";
import { killRounds } from "./kill-rounds.ts";
import { seeded } from "./seeded.ts";

test("kill -9 of the vault, the gateway or everything under load loses nothing that was acknowledged, also with the log's tail cut", async (t) => {
  const random = seeded();
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  await killRounds({ rounds: 12, random, say: (text) => t.diagnostic(text) });
});
