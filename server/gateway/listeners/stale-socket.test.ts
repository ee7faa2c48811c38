import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { removeStaleSocket } from "./stale-socket.ts";

function pathFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keystead-socket-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "api.sock");
}

test("a socket that nobody listens on any more is removed", async (context) => {
  const path = pathFor(context);
  // A process that is killed leaves its socket behind.
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["--eval", code]);
  assert.ok(existsSync(path));
  await removeStaleSocket(path);
  assert.ok(!existsSync(path));
  await removeStaleSocket(path);
});

test("a socket that a server answers on is refused by name and stays", async (context) => {
  const path = pathFor(context);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await assert.rejects(removeStaleSocket(path), /server\.unix_socket: another server listens on .*api\.sock/);
  assert.ok(existsSync(path));
  await new Promise((resolve) => server.close(resolve));
});

test("a file that is no socket is refused by name and stays as it is", async (context) => {
  const path = pathFor(context);
  writeFileSync(path, "somebody's");
  await assert.rejects(removeStaleSocket(path), /is there and is no socket/);
  assert.equal(readFileSync(path, "utf8"), "somebody's");
});
