import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { lockFolder } from "./lock.ts";

const ROOT = join(import.meta.dirname, "../../..");

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keystead-lock-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A process that takes the lock and lives until it is killed; tells whether it got it. */
async function holder(t: TestContext, path: string): Promise<{ child: ChildProcess; answer: string }> {
  const script = join(path, "holder.ts");
  writeFileSync(
    script,
    `
    const { lockFolder } = await import(${JSON.stringify(join(ROOT, "server/vault/stores/lock.ts"))});
    try { globalThis.held = lockFolder(${JSON.stringify(join(path, "vault.lock"))}); process.send("held"); } catch (error) { process.send(error.code + ": " + error.detail); }
    process.on("message", () => undefined);`,
  );
  const child = fork(script, [], { stdio: "ignore", execArgv: ["--disable-warning=ExperimentalWarning"] });
  t.after(() => child.kill("SIGKILL"));
  const [answer] = (await once(child, "message")) as [string];
  return { child, answer };
}

const REFUSED = "PROVIDER_UNAVAILABLE: another vault is using this data folder";

test("a second process is refused while the first lives, and let in after kill -9 of it", async (t) => {
  const path = folder(t);
  const first = await holder(t, path);
  assert.equal(first.answer, "held");
  assert.equal((await holder(t, path)).answer, REFUSED);
  assert.throws(() => lockFolder(join(path, "vault.lock")), { code: "PROVIDER_UNAVAILABLE" });
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  const second = await holder(t, path);
  assert.equal(second.answer, "held");
  assert.equal((await holder(t, path)).answer, REFUSED);
});

test("the lock also holds within one process, and is free once released", (t) => {
  const path = join(folder(t), "vault.lock");
  const held = lockFolder(path);
  assert.throws(() => lockFolder(path), { code: "PROVIDER_UNAVAILABLE" });
  held.release();
  lockFolder(path).release();
});

test("locks of two folders do not know each other", (t) => {
  const locks = [folder(t), folder(t)].map((path) => lockFolder(join(path, "vault.lock")));
  for (const lock of locks) lock.release();
});
