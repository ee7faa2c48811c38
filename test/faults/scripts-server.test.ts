/** Policy scripts on a real server: their process comes with the first script, and may die at any time. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { USERS } from "../../server/launcher/users.ts";
import { startServer, titleOf, until } from "../server.ts";

const SCRIPT = `function evaluate(context)
  return context.payload.text == "good" and "allow" or "deny"
end`;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("the process that runs scripts starts with the first, and its death and the vault's cost no more than the request that was asked about", async () => {
  const server = await startServer();
  try {
    const signs = (data: string): Promise<number> =>
      server.rest("POST", "/api/v1/keys/k/sign", { data: base64(data) }).then(({ status }) => status);
    assert.equal((await server.rest("POST", "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
    assert.equal(await signs("bad"), 200);
    assert.equal(server.pids().scripts, undefined, "without a script there is no such process");
    const uploaded = await server.rest("POST", "/api/v1/scripts", { script: "good-only", engine: "lua", source: base64(SCRIPT) });
    assert.equal(uploaded.status, 200, JSON.stringify(uploaded.body));
    assert.equal((await server.rest("POST", "/api/v1/scripts/good-only/enable", {})).status, 200);
    assert.deepEqual([await signs("good"), await signs("bad")], [200, 403]);
    const pid = server.pids().scripts as number;
    assert.equal(titleOf(pid), "keystead [scripts]");
    assert.match(readFileSync(`/proc/${pid}/limits`, "utf8"), /^Max core file size +0 +0 +bytes/m);
    if (process.getuid?.() === 0)
      assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), new RegExp(`^Uid:\\t${USERS.scripts.uid}\\t`, "m"));
    server.kill("scripts");
    // Until the next one is there requests wait for it.
    assert.deepEqual([await signs("good"), await signs("bad")], [200, 403]);
    const from = server.logs().length;
    server.kill("vault");
    await server.ready("vault", from);
    await until("an answer of the new vault", async () => ((await signs("good").catch(() => 0)) === 200 ? true : undefined));
    assert.equal(await signs("bad"), 403);
    assert.equal((await server.rest("POST", "/api/v1/scripts/good-only/disable", {})).status, 200);
    assert.equal(await signs("bad"), 200);
  } finally {
    await server.stop();
  }
});

test("with scripts.enabled false nothing is started, and uploading is refused by name", async () => {
  const server = await startServer({ flags: ["--set", "scripts.enabled=false"] });
  try {
    const { status, body } = await server.rest("POST", "/api/v1/scripts", { script: "s", engine: "lua", source: base64(SCRIPT) });
    assert.equal(status, 404);
    assert.match(body.detail, /scripts\.enabled/);
    assert.equal(server.pids().scripts, undefined);
  } finally {
    await server.stop();
  }
});
