/** The self-tests of a real server: shown in status, and what happens when one fails. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { KEYSTEAD, startServer } from "../server.ts";

interface Result {
  readonly name: string;
  readonly passed: boolean;
}

test("status shows every self-test with its time; a hardware source is mixed in and the server works", async (t) => {
  const server = await startServer({ flags: ["--set", "crypto.hardware_random=/dev/urandom"] });
  t.after(() => server.stop());
  const { body } = await server.rest("GET", "/api/v1/status");
  assert.equal(body.phase, "open");
  const { passed, time, duration_us: durationUs, results } = body.self_tests;
  assert.equal(passed, true);
  assert.ok(Date.parse(time) > Date.now() - 600_000 && Date.parse(time) <= Date.now() + 1000, time);
  assert.ok(durationUs > 0 && results.length > 20);
  assert.ok((results as Result[]).every((result) => result.passed));
  const made = await server.rest("POST", "/api/v1/namespaces/default/keys", { key_id: "k", algorithm: "AES-256-GCM" });
  assert.equal(made.status, 201, JSON.stringify(made.body));
});

test("a hardware source that is stuck puts the server in the error phase: status is answered, everything else refused", async (t) => {
  const server = await startServer({ flags: ["--set", "crypto.hardware_random=/dev/zero"] });
  t.after(() => server.stop());
  const status = await server.rest("GET", "/api/v1/status");
  assert.equal(status.status, 200);
  assert.equal(status.body.phase, "error");
  for (const [method, path, body] of [
    ["POST", "/api/v1/namespaces/default/keys", { algorithm: "Ed25519" }],
    ["GET", "/api/v1/namespaces", undefined],
    ["POST", "/api/v1/unseal", { secret: "AAAA" }],
  ] as const) {
    const refused = await server.rest(method, path, body);
    assert.deepEqual([refused.status, refused.body.code], [503, "SELF_TEST_FAILED"], `${method} ${path}: ${JSON.stringify(refused.body)}`);
  }
});

test("a hardware source that is not there ends the start and is named", async () => {
  await assert.rejects(startServer({ flags: ["--set", "crypto.hardware_random=/dev/no-such-device"] }), /no-such-device|ended|exit/i);
});

test("keystead selftest passes without a server, in text and in JSON, and refuses other words", () => {
  const run = (...words: string[]) => spawnSync(process.execPath, [KEYSTEAD, "selftest", ...words], { encoding: "utf8" });
  const plain = run();
  assert.equal(plain.status, 0, plain.stderr);
  assert.match(plain.stdout, /^ok +Ed25519 .* RFC 8032/m);
  const { passed, results } = JSON.parse(run("--json").stdout) as { passed: boolean; results: Result[] };
  assert.equal(passed, true);
  assert.ok(results.some(({ name }) => name === "random source"));
  assert.equal(run("--unknown").status, 2);
});
