import { test } from "node:test";
import { seeded } from "./seeded.ts";
import { receiversOfEachKind } from "./sink-receivers.ts";
import { sinkRounds } from "./sink-rounds.ts";

test("kill -9 of the vault, the process that delivers, both or everything: no sink lacks what was acknowledged, in its order", async (t) => {
  const random = seeded();
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  await sinkRounds({ rounds: 6, random, say: (text) => t.diagnostic(text), receivers: await receiversOfEachKind() });
});
