/** The first policy on a real server: there before anybody is let in, and never again. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, startServer } from "../server.ts";

const policy = (id: string): string =>
  JSON.stringify({ format: 1, denials: [{ id, members: ["*"], permissions: ["crypto:random"], namespaces: ["*"] }] });
const CHANGES_NOTHING = "security.first_policy_path changes nothing: it is for vaults that are made, and this one is there";

test("a vault is made with the policy of its configuration or not at all; afterwards the file means nothing", async (t) => {
  const dataDir = newFolder();
  const path = join(newFolder(), "first.json");
  const start = async (...more: string[]) => {
    const server = await startServer({ dataDir, flags: [...more, "--set", `security.first_policy_path=${path}`] });
    t.after(() => server.stop());
    return server;
  };
  writeFileSync(path, policy("nobody").replace('"*"]}', '"*"],"condition":"nonsense"}'));
  const refused = await start();
  await refused.record(({ message }) => message === "the vault could not be opened");
  await refused.stop();

  writeFileSync(path, policy("nobody"));
  const made = await start();
  assert.equal((await made.rest("POST", "/api/v1/random", { size_bytes: 1 })).status, 403);
  const { body } = await made.rest("GET", "/api/v1/policy");
  assert.deepEqual([body.policy.version, body.policy.author], [1, "ceremony:configuration"]);
  await made.stop();

  writeFileSync(path, policy("other"));
  const again = await start();
  await again.record(({ message }) => message === CHANGES_NOTHING);
  assert.equal((await again.rest("GET", "/api/v1/policy")).body.policy.version, 1);
  assert.match((await again.rest("GET", "/api/v1/policy")).body.document, /nobody/);
});

test("a vault that worked without a policy is given none by its configuration", async (t) => {
  const dataDir = newFolder();
  const path = join(newFolder(), "first.json");
  writeFileSync(path, policy("nobody"));
  const without = await startServer({ dataDir });
  t.after(() => without.stop());
  await without.stop();
  const later = await startServer({ dataDir, flags: ["--set", `security.first_policy_path=${path}`] });
  t.after(() => later.stop());
  await later.record(({ message }) => message === CHANGES_NOTHING);
  assert.equal((await later.rest("POST", "/api/v1/random", { size_bytes: 1 })).status, 200);
});
