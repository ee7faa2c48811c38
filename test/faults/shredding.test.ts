/** The end of a namespace on a real server, and its proof from the data folder alone. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { KEYSTEAD, newFolder, startServer, until } from "../server.ts";

test("a namespace is deleted, and anybody with the data folder can check that it was destroyed as attested", async (t) => {
  const dataDir = newFolder();
  const server = await startServer({ dataDir, flags: ["--set", "lifecycle.interval_seconds=1"] });
  t.after(() => server.stop());
  const prove = (name: string) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [KEYSTEAD, "namespaces", "verify-shredding", name, "--data-dir", dataDir, "--json"],
      {
        encoding: "utf8",
      },
    );
    return { status, result: JSON.parse(stdout) as { problems: string[]; destroyed: { keys: number }[]; macs_checked: boolean } };
  };
  assert.equal((await server.rest("POST", "/api/v1/namespaces", { namespace: "shop" })).status, 201);
  for (const key_id of ["a", "b"])
    assert.equal((await server.rest("POST", "/api/v1/namespaces/shop/keys", { key_id, algorithm: "Ed25519" })).status, 201);
  const { status, body } = await server.rest("POST", "/api/v1/namespaces/shop/delete", { delay_seconds: 0, reason: "over" });
  assert.deepEqual([status, body.namespace.state], [200, "deletion_scheduled"]);
  await until("it is gone", async () => (await server.rest("GET", "/api/v1/namespaces/shop")).status === 404);
  const path = join(dataDir, "retention-ledger");
  await until("the ledger has a line", () => readFileSync(path).length > 0);
  await server.stop();
  const proven = prove("shop");
  assert.deepEqual(
    [proven.status, proven.result.problems, proven.result.destroyed.map(({ keys }) => keys), proven.result.macs_checked],
    [0, [], [2], true],
  );
  assert.equal(prove("default").status, 10, "nothing proves the end of what lives");
  writeFileSync(path, readFileSync(path, "utf8").replace('"keys":2', '"keys":3'));
  assert.deepEqual([prove("shop").status, prove("shop").result.problems.length], [10, 1]);
});
