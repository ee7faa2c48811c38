/** A rekey of a real server: through the command, while it works, across kill -9 of the vault, and with a new secret. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { KEYSTEAD, newFolder, startServer, until, type TestServer } from "../server.ts";
import { inspect } from "./inspected.ts";
import { ENVIRONMENT } from "../environment.ts";

const KEYS = "/api/v1/namespaces/default/keys";

function rekey(server: TestServer, ...words: string[]): { status: number | null; said: string } {
  const { endpoint, ca, cert, key } = server.profile;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [KEYSTEAD, "--endpoint", endpoint, "--ca", ca, "--client-cert", cert, "--client-key", key, "rekey", ...words],
    { encoding: "utf8", env: ENVIRONMENT },
  );
  return { status, said: stdout + stderr };
}

const progress = async (server: TestServer): Promise<{ generation: number; complete: boolean }> =>
  (await server.rest("GET", "/api/v1/status")).body.rekey;

test("keystead rekey moves every record while the server works, goes on after kill -9, and changes the secret", async (t) => {
  const dataDir = join(newFolder(), "data");
  const server = await startServer({ dataDir });
  t.after(() => server.stop());
  for (let key = 0; key < 60; key += 1)
    assert.equal((await server.rest("POST", KEYS, { key_id: `k${key}`, algorithm: "AES-256-GCM" })).status, 201);
  const sealed = (await server.rest("POST", `${KEYS}/k7/encrypt`, { plaintext: "aGk=" })).body.ciphertext as string;
  const opens = async (on: TestServer): Promise<void> =>
    assert.equal((await on.rest("POST", `${KEYS}/k7/decrypt`, { ciphertext: sealed })).body.plaintext, "aGk=");
  assert.deepEqual([(await progress(server)).generation, (await progress(server)).complete], [1, true]);
  const own = `file:${join(dataDir, "unseal/master.key")}`;
  const wrong = join(newFolder(), "wrong.key");
  writeFileSync(wrong, randomBytes(32));
  const refused = rekey(server, "--secret", `file:${wrong}`);
  assert.equal(refused.status, 3, refused.said);
  const begun = rekey(server, "--secret", own);
  assert.equal(begun.status, 0, begun.said);
  assert.match(begun.said, /generation 2 is in force/);
  const lines = server.logs().length;
  server.kill("vault");
  await server.ready("vault", lines);
  await opens(server);
  await until("the rekey is complete", async () => {
    const { generation, complete } = await progress(server);
    return generation === 2 && complete;
  });
  await opens(server);
  const events = (await server.rest("GET", "/api/v1/audit?action=RekeyVault&page_size=1000")).body.events as {
    principal: string;
    payload_sha256: string;
    canonical: string;
  }[];
  assert.ok(events.some(({ principal }) => principal === "ceremony:rekey"));
  assert.ok(events.filter(({ canonical }) => canonical.includes('"records"')).length >= 2);
  assert.ok(events.every(({ payload_sha256: payload }) => payload === ""));
  // Now a new secret, which the configuration is told of afterwards.
  const fresh = join(newFolder(), "fresh.key");
  writeFileSync(fresh, randomBytes(32));
  const changed = rekey(server, "--secret", own, "--new-master-key", `file:${fresh}`);
  assert.equal(changed.status, 0, changed.said);
  await until("the second rekey is complete", async () => (await progress(server)).complete);
  assert.equal(await server.stop(), 0);
  const before = await inspect("store", dataDir);
  assert.notEqual(before.status, 0, "the old secret opens nothing");
  const after = await inspect("store", dataDir, ["--master-key", `file:${fresh}`]);
  assert.deepEqual([after.status, after.problems, after.macs_checked], [0, [], true]);
  const again = await startServer({ dataDir, flags: ["--master-key", `file:${fresh}`] });
  t.after(() => again.stop());
  await opens(again);
  assert.equal((await progress(again)).generation, 3);
});
