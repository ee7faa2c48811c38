/**
 * The installer, without a network: a stand-in for npm counts its calls. It installs when it must and only then, one
 * at a time, and clears a lock whose owner died.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "keystead-install-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** A stand-in for npm-cli.js: notes its arguments, takes a while, makes node_modules, ends with the status asked for. */
const NPM = join(folder, "npm-cli.cjs");
writeFileSync(
  NPM,
  `
const fs = require("node:fs");
fs.appendFileSync("npm-calls", process.argv.slice(2).join(" ") + "\\n");
if (fs.existsSync("npm-running")) fs.appendFileSync("npm-calls", "OVERLAP\\n");
fs.writeFileSync("npm-running", "");
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
fs.rmSync("npm-running");
fs.rmSync("node_modules", { recursive: true, force: true });
fs.mkdirSync("node_modules");
process.exit(Number(process.env.NPM_STATUS || 0));
`,
);

/** A fresh checkout with a lockfile. */
function checkout(): string {
  const path = join(folder, String(count++));
  mkdirSync(join(path, "tools"), { recursive: true });
  copyFileSync(join(ROOT, "keystead.cjs"), join(path, "keystead.cjs"));
  copyFileSync(join(ROOT, "tools/install.cjs"), join(path, "tools/install.cjs"));
  writeFileSync(
    join(path, "package-lock.json"),
    JSON.stringify({
      packages: {
        "": {},
        "node_modules/a": { version: "1.0.0", integrity: "sha512-x" },
        "node_modules/b": { version: "1.0.0", optional: true, os: ["plan9"] },
      },
    }),
  );
  return path;
}

const env = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: process.env["PATH"],
  KEYSTEAD_NODE: process.execPath,
  npm_execpath: NPM,
  npm_node_execpath: process.execPath,
  ...more,
});
const run = (path: string, more?: Readonly<Record<string, string>>) =>
  spawnSync(process.execPath, [join(path, "tools/install.cjs")], { encoding: "utf8", env: env(more) });
const calls = (path: string) =>
  existsSync(join(path, "npm-calls")) ? readFileSync(join(path, "npm-calls"), "utf8").trim().split("\n") : [];

test("a fresh checkout is installed once by the npm that called, without install scripts, and then left alone", () => {
  const path = checkout();
  assert.equal(run(path).status, 0);
  assert.deepEqual(calls(path), [
    "ci --ignore-scripts --include=optional --include=dev --engine-strict=false --no-audit --no-fund --loglevel=error",
  ]);
  const { status, stdout, stderr } = run(path);
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
  assert.equal(calls(path).length, 1);
});

test("a changed lockfile installs again", () => {
  const path = checkout();
  run(path);
  writeFileSync(join(path, "package-lock.json"), '{"packages":{"node_modules/c":{}}}');
  assert.equal(run(path).status, 0);
  assert.equal(calls(path).length, 2);
});

test("what npm ci by hand installed is taken as it is, unless a version or digest differs", () => {
  for (const [entry, expected] of [
    [{ version: "1.0.0", integrity: "sha512-x" }, 0],
    [{ version: "1.0.1", integrity: "sha512-x" }, 1],
    [{ version: "1.0.0", integrity: "sha512-y" }, 1],
  ] as const) {
    const path = checkout();
    mkdirSync(join(path, "node_modules/a"), { recursive: true });
    writeFileSync(join(path, "node_modules/.package-lock.json"), JSON.stringify({ packages: { "node_modules/a": entry } }));
    assert.equal(run(path).status, 0);
    assert.equal(calls(path).length, expected);
  }
});

test("two at once: one installs, the other waits and finds it done", async () => {
  const path = checkout();
  const both = [0, 1].map(() => spawn(process.execPath, [join(path, "tools/install.cjs")], { env: env(), stdio: "ignore" }));
  assert.deepEqual(await Promise.all(both.map((child) => once(child, "exit"))), [
    [0, null],
    [0, null],
  ]);
  assert.equal(calls(path).length, 1);
});

test("five that find the lock of a dead process do not run side by side", async () => {
  const path = checkout();
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  mkdirSync(join(path, ".keystead/install.lock"), { recursive: true });
  writeFileSync(join(path, ".keystead/install.lock/pid"), String(dead));
  const all = Array.from({ length: 5 }, () => spawn(process.execPath, [join(path, "tools/install.cjs")], { env: env(), stdio: "ignore" }));
  assert.ok((await Promise.all(all.map((child) => once(child, "exit")))).every(([status]) => status === 0));
  assert.equal(calls(path).length, 1);
  assert.ok(!existsSync(join(path, ".keystead/install.lock")));
});

test("a failing npm stops the caller and the next call tries again", () => {
  const path = checkout();
  const { status, stderr } = run(path, { NPM_STATUS: "3" });
  assert.equal(status, 1);
  assert.match(stderr, /"npm ci" failed \(status 3\)/);
  assert.equal(run(path).status, 0);
});

test("an installation without Node 26 is said in a sentence and not taken as done", () => {
  const path = checkout();
  const { status, stderr } = run(path, { KEYSTEAD_NODE: "" });
  assert.equal(status, 1);
  assert.match(stderr, /Node 26 did not arrive with the dependencies: .*is missing/);
  assert.ok(!existsSync(join(path, "node_modules/.keystead-stamp")));
});

test(
  "a user who may not write gets a sentence when something must be installed",
  { skip: process.getuid?.() !== 0 && "only root can become another user" },
  () => {
    const path = checkout();
    chmodSync(folder, 0o755);
    const asNobody = () =>
      spawnSync(process.execPath, [join(path, "tools/install.cjs")], { encoding: "utf8", env: env(), uid: 65_534, gid: 65_534 });
    const { status, stderr } = asNobody();
    assert.equal(status, 1);
    assert.match(stderr, /cannot be written \(EACCES\); run "npm ci" as its owner/);
    assert.equal(run(path).status, 0);
    assert.equal(asNobody().status, 0);
  },
);
