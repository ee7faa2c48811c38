/** A server that keeps its records in plain files: kill -9 and restarts lose nothing, and the proof without it agrees. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, startServer, until } from "../server.ts";
import { inspect } from "./inspected.ts";

const KEYS = "/api/v1/namespaces/default/keys";

test("keys in files survive kill -9 of the vault and of everything, and store verify finds them all", async (t) => {
  const dataDir = join(newFolder(), "data");
  const flags = ["--key-store", "filesystem"];
  const first = await startServer({ dataDir, flags });
  t.after(() => first.stop());
  const made: string[] = [];
  const make = async (id: string): Promise<void> => {
    const { status, body } = await first.rest("POST", KEYS, { key_id: id, algorithm: "AES-256-GCM" });
    assert.equal(status, 201, JSON.stringify(body));
    made.push(id);
  };
  for (let round = 0; round < 3; round += 1) {
    for (let key = 0; key < 8; key += 1) await make(`Key-${round}.${key}`);
    const lines = first.logs().length;
    first.kill("vault");
    await first.ready("vault", lines);
  }
  const sealed = await first.rest("POST", `${KEYS}/Key-0.0/encrypt`, { plaintext: "aGk=" });
  assert.equal(sealed.status, 200, JSON.stringify(sealed.body));
  assert.equal((await first.rest("POST", `${KEYS}/Key-0.0/rotate`, {})).status, 200);
  assert.equal((await first.rest("DELETE", `${KEYS}/Key-0.1`)).status, 200);
  assert.equal((await first.rest("GET", "/api/v1/status")).body.store, "filesystem");
  first.kill("all");
  await first.ended;
  const second = await startServer({ dataDir, flags });
  t.after(() => second.stop());
  const listed = await second.rest("GET", `${KEYS}?per_page=100`);
  assert.deepEqual(
    (listed.body.keys as { key_id: string }[]).map((key) => key.key_id),
    made.filter((id) => id !== "Key-0.1").sort(),
  );
  const opened = await second.rest("POST", `${KEYS}/Key-0.0/decrypt`, { ciphertext: sealed.body.ciphertext });
  assert.equal(opened.body.plaintext, "aGk=");
  const folder = join(dataDir, "ns/default/keys/key-0.0+1");
  await until("the files are settled", () => existsSync(join(folder, "v00000002.json")) && readdirSync(join(dataDir, "wal")).length === 1);
  const names = readdirSync(folder).sort();
  const { file } = JSON.parse(readFileSync(join(folder, "current.json"), "utf8")) as { file: string };
  assert.deepEqual(names, ["current.json", file, "v00000001.json", "v00000002.json"]);
  assert.equal(existsSync(join(dataDir, "keystead.db")), false);
  const whileRunning = await inspect("store", dataDir);
  assert.deepEqual([whileRunning.status, whileRunning.problems], [0, []]);
  assert.equal(await second.stop(), 0);
  const after = await inspect("store", dataDir);
  assert.deepEqual([after.status, after.problems], [0, []]);
  // One of the namespace, one of each key, one of each version that is left.
  assert.equal(after.records, 1 + made.length + (made.length - 1) + 1);
  assert.equal(after.macs_checked, true);
});

test("--sqlite-path puts the database elsewhere, and store verify finds it there", async (t) => {
  const folder = newFolder();
  const [dataDir, path] = [join(folder, "data"), join(folder, "elsewhere/keys.db")];
  const server = await startServer({ dataDir, flags: ["--sqlite-path", path] });
  t.after(() => server.stop());
  assert.equal((await server.rest("POST", KEYS, { key_id: "k", algorithm: "Ed25519" })).status, 201);
  assert.equal(await server.stop(), 0);
  assert.ok(existsSync(path) && !existsSync(join(dataDir, "keystead.db")));
  // Of the namespace, the key and its version; of the configuration and the key that signs its history.
  const { status, records } = await inspect("store", dataDir, ["--sqlite-path", path]);
  assert.deepEqual([status, records], [0, 5]);
});
