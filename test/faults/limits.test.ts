/** Rates on a real server: what a client is told, and what the metrics say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newFolder, startServer } from "../server.ts";

const SLOW = ["limits.principal_per_second=1", "limits.principal_burst=5"].flatMap((set) => ["--set", set]);

test("who asks too often is told when to come back, on the surface it came by; health and metrics are never refused", async (t) => {
  const server = await startServer({ dataDir: newFolder(), flags: SLOW });
  t.after(() => server.stop());
  const answers = await Promise.all(Array.from({ length: 40 }, () => server.rest("POST", "/api/v1/random", { size_bytes: 1 })));
  const refused = answers.filter(({ status }) => status === 429);
  // However slow the machine is: forty do not come in so long that each finds a token.
  assert.ok(refused.length > 0 && answers.filter(({ status }) => status === 200).length >= 5);
  for (const { body, headers } of refused) assert.deepEqual([body.code, headers["retry-after"]], ["RATE_LIMITED", "1"]);
  const metrics = await (await fetch(`http://${server.addresses["metrics"]}/metrics`)).text();
  const blocked = /hsm_rate_limit_blocked_total\{scope="principal"\} (\d+)/.exec(metrics);
  assert.ok(Number(blocked?.[1]) >= refused.length, metrics.slice(0, 400));
  for (let times = 0; times < 20; times += 1) assert.equal((await fetch(`http://${server.addresses["health"]}/health/ready`)).status, 200);
});
