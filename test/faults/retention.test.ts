/** Retention on a real server: asked for by itself, approved by a person, attested in a file that nobody changes unseen. */
import assert from "node:assert/strict";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, startServer, until, type TestServer } from "../server.ts";

const FLAGS = [
  "--set",
  "lifecycle.interval_seconds=1",
  "--set",
  "lifecycle.purge_grace_seconds=0",
  "--set",
  "lifecycle.retention=[{tag: brief, keep: 1s}]",
];

const becomes = (server: TestServer, state: string): Promise<boolean> =>
  until(`the key is ${state}`, async () => (await server.rest("GET", "/api/v1/keys/k")).body.key.state === state);

test("a revoked key is destroyed after its retention and one approval; a changed ledger stops the next start", async (t) => {
  const dataDir = newFolder();
  const first = await startServer({ dataDir, flags: FLAGS });
  t.after(() => first.stop());
  assert.equal((await first.rest("POST", "/api/v1/keys", { key_id: "k", algorithm: "Ed25519", tags: ["brief"] })).status, 201);
  assert.equal((await first.rest("POST", "/api/v1/keys/k/revoke", { reason: "superseded" })).status, 200);
  await becomes(first, "purge_scheduled");
  assert.equal((await first.rest("POST", "/api/v1/keys/k/approve-purge", {})).status, 200);
  await becomes(first, "destroyed");
  const path = join(dataDir, "retention-ledger");
  await until("the ledger has a line", () => readFileSync(path).length > 0);
  await first.stop();
  const text = readFileSync(path, "utf8");
  assert.match(text, /^\{"entry":\{.*"key":"k".*"reason":"retention: brief".*\},"mac":"[0-9a-f]{64}"\}\n$/);
  writeFileSync(path, text.replace('"key":"k"', '"key":"j"'));
  const second = await startServer({ dataDir, flags: FLAGS });
  t.after(() => second.stop());
  await second.record(({ message }) => message === "the retention ledger cannot be trusted");
  const { status, body } = await second.rest("POST", "/api/v1/random", { size_bytes: 1 });
  assert.deepEqual([status, body.code], [500, "INTEGRITY_FAILURE"]);
});

test("the retention file counts, and in plain files what a destroyed key leaves is overwritten", async (t) => {
  const dataDir = newFolder();
  const path = join(newFolder(), "retention.yaml");
  writeFileSync(path, "default_days: 1000\nnamespaces:\n  default: { default_days: 0 }\n");
  const settings = ["lifecycle.interval_seconds=1", "lifecycle.purge_grace_seconds=0", "storage.shred_iterations=2"];
  const flags = ["--key-store", "filesystem", ...[...settings, `lifecycle.retention_file=${path}`].flatMap((set) => ["--set", set])];
  const server = await startServer({ dataDir, flags });
  t.after(() => server.stop());
  assert.equal((await server.rest("POST", "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
  const folder = join(dataDir, "ns/default/keys/k");
  await until("the key has files", () => existsSync(join(folder, "v00000001.json")));
  assert.equal((await server.rest("POST", "/api/v1/keys/k/revoke", { reason: "superseded" })).status, 200);
  await becomes(server, "purge_scheduled");
  assert.equal((await server.rest("GET", "/api/v1/keys/k")).body.key.purge_reason, "retention: default");
  const witness = join(dataDir, "..", "witness.json");
  linkSync(join(folder, "v00000001.json"), witness);
  assert.equal((await server.rest("POST", "/api/v1/keys/k/approve-purge", {})).status, 200);
  await becomes(server, "destroyed");
  await until("the file is gone", () => !existsSync(join(folder, "v00000001.json")));
  assert.deepEqual(new Set(readFileSync(witness)), new Set([0]));
  rmSync(witness);
});
