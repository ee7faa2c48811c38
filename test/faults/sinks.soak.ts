import { test } from "node:test";
import { seeded } from "./seeded.ts";
import { receiversOfEachKind } from "./sink-receivers.ts";
import { sinkRounds } from "./sink-rounds.ts";

test("100 times kill -9 under load: no sink lacks what was acknowledged, in its order", { timeout: 7_200_000 }, async (t) => {
  const random = seeded();
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  await sinkRounds({ rounds: 100, random, say: (text) => process.stderr.write(`${text}\n`), receivers: await receiversOfEachKind() });
});
