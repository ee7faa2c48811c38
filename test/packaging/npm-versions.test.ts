/**
 * A fresh clone under npm 10, 11 and 12, as `npm start` and `npm test` find it: the real registry, the real lockfile.
 * Named "registry" so that it can be left out where there is no network; it takes about ten seconds a version.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "keystead-npm-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The Node and npm of the machine, not the ones of this test. */
const PATH = (process.env["PATH"] ?? "")
  .split(":")
  .filter((path) => !path.includes("node_modules"))
  .join(":");
const inherited = Object.entries(process.env).filter(
  ([name]) => !/^(?:npm_|NODE_|HSM_|APP__|FERROHSM_|KEYSTEAD_)/.test(name) || name === "NODE_EXTRA_CA_CERTS",
);
const env = { ...Object.fromEntries(inherited), PATH, npm_config_update_notifier: "false" };

/** Copies what git tracks, as a clone would have it. */
function clone(name: string): string {
  const target = join(folder, name);
  for (const file of execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" })
    .split("\0")
    .filter((path) => path !== "")) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(ROOT, file), join(target, file));
  }
  return target;
}

let offline: string | false = false;
before(() => {
  const ping = spawnSync("npm", ["ping", "--loglevel=error"], { env, encoding: "utf8", timeout: 20_000 });
  if (ping.status !== 0) offline = "the registry does not answer";
});

for (const major of [10, 11, 12]) {
  test(`registry: a fresh clone installs itself under npm ${major} and is quiet the second time`, { timeout: 180_000 }, (context) => {
    if (offline !== false) return context.skip(offline);
    const tool = join(folder, `npm${major}`);
    const got = spawnSync(
      "npm",
      ["install", "--prefix", tool, "--no-save", "--no-audit", "--no-fund", "--engine-strict=false", `npm@${major}`],
      { env, encoding: "utf8" },
    );
    assert.equal(got.status, 0, got.stderr);
    const path = clone(`clone${major}`);
    const npm = (...args: readonly string[]) =>
      spawnSync("node", [join(tool, "node_modules/npm/bin/npm-cli.js"), ...args], { cwd: path, env, encoding: "utf8" });
    assert.match(npm("--version").stdout, new RegExp(`^${major}\\.`));

    const cold = npm("run", "prestart");
    assert.equal(cold.status, 0, cold.stderr + cold.stdout);
    assert.match(cold.stderr, /installing the dependencies/);
    const version = spawnSync("node", ["keystead.cjs", "--run", "-p", "process.version"], { cwd: path, env, encoding: "utf8" });
    assert.equal(version.stdout, "v26.10.0\n", version.stderr);
    const valid = spawnSync("node", ["keystead.cjs", "dev", "--validate"], { cwd: path, env, encoding: "utf8" });
    assert.equal(valid.stdout, "The configuration is valid (preset development).\n", valid.stderr);

    const warm = npm("run", "pretest");
    assert.equal(warm.status, 0);
    assert.doesNotMatch(warm.stderr, /installing/);
  });
}
