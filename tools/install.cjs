/**
 * Installs the dependencies when they are missing or belong to another lockfile; otherwise says and does nothing.
 *
 * `npm start`, `npm test` and `npm run bench` call it first, under whatever Node and npm the machine has (Node 20 on,
 * npm 10 on), so it is CommonJS without dependencies. It runs `npm ci` of the very npm that called it. Install scripts
 * never run: no dependency needs one, and npm 12 refuses them anyway. Two calls at once are safe: the second waits.
 *
 */
"use strict";

const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const { join } = require("node:path");

const ROOT = join(__dirname, "..");
const MODULES = join(ROOT, "node_modules");
const STAMP = join(MODULES, ".keystead-stamp");
const LOCK = join(ROOT, ".keystead", "install.lock");
/** After this long a lock without an owner's name is taken to be left over. */
const STALE_MILLISECONDS = 10_000;
const NPM_ARGUMENTS = [
  "ci",
  "--ignore-scripts",
  "--include=optional",
  "--include=dev",
  "--engine-strict=false",
  "--no-audit",
  "--no-fund",
  "--loglevel=error",
];

/** Text of a file, or undefined when it cannot be read. */
function read(path) {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Names the lockfile and the machine; equal stamps mean equal node_modules. */
function wanted() {
  return createHash("sha256")
    .update(fs.readFileSync(join(ROOT, "package-lock.json")))
    .update(`\n${process.platform}-${process.arch}\n`)
    .digest("hex");
}

/** True when the lock entry is for another operating system or processor. */
function foreign(entry) {
  const excludes = (list, value) => list !== undefined && ![].concat(list).includes(value);
  return excludes(entry.os, process.platform) || excludes(entry.cpu, process.arch);
}

/** True when an `npm ci` or `npm install` by hand already put exactly the locked packages in place. */
function installedByHand() {
  const installed = read(join(MODULES, ".package-lock.json"));
  if (installed === undefined) return false;
  const have = JSON.parse(installed).packages;
  const locked = JSON.parse(fs.readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  return Object.keys(locked).every((path) => {
    if (!path.startsWith("node_modules/")) return true;
    const entry = locked[path];
    const actual = have[path];
    if (actual === undefined) return entry.optional === true && (foreign(entry) || entry.libc !== undefined);
    return (
      actual.version === entry.version &&
      actual.integrity === entry.integrity &&
      actual.resolved === entry.resolved &&
      fs.existsSync(join(ROOT, path))
    );
  });
}

/** Writes the stamp; a folder that belongs to somebody else is left as it is. */
function stamp(text) {
  try {
    fs.writeFileSync(STAMP, text);
  } catch (error) {
    if (error.code !== "EACCES" && error.code !== "EROFS" && error.code !== "EPERM") throw error;
  }
}

/** True when what is installed is what the lockfile asks for. */
function upToDate() {
  const want = wanted();
  if (read(STAMP) === want) return true;
  if (!installedByHand()) return false;
  stamp(want);
  return true;
}

/** True when the process with this id runs. */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Waits `milliseconds` without an event loop. */
function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** True when nobody can still be working under the lock: its owner is dead, or died before it left its process id. */
function abandoned() {
  const pid = Number(read(join(LOCK, "pid")));
  if (pid > 0) return !alive(pid);
  const made = fs.statSync(LOCK, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs > STALE_MILLISECONDS;
}

/** Makes the folder; false when it exists already. */
function makeFolder(path) {
  try {
    fs.mkdirSync(path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes an abandoned lock. The second lock keeps a slow waiter from removing the fresh lock of a quick one. */
function removeAbandoned() {
  const breaker = `${LOCK}.breaker`;
  const made = fs.statSync(breaker, { throwIfNoEntry: false });
  if (made !== undefined && Date.now() - made.mtimeMs > STALE_MILLISECONDS) fs.rmSync(breaker, { recursive: true, force: true });
  if (!makeFolder(breaker)) return;
  try {
    if (abandoned()) fs.rmSync(LOCK, { recursive: true, force: true });
  } finally {
    fs.rmSync(breaker, { recursive: true, force: true });
  }
}

/** Takes the lock, a folder that holds its owner's process id; waits while somebody else holds it. */
function lock() {
  fs.mkdirSync(join(ROOT, ".keystead"), { recursive: true });
  for (let said = false; !makeFolder(LOCK); sleep(100)) {
    if (abandoned()) removeAbandoned();
    else if (!said) process.stderr.write("keystead: waiting for another installation to end\n");
    said = true;
  }
  fs.writeFileSync(join(LOCK, "pid"), String(process.pid));
}

/** Runs `npm ci` with the npm that called this script, or the one in PATH. */
function npmCi() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  const [command, args] = npm === undefined ? ["npm", NPM_ARGUMENTS] : [node || process.execPath, [npm, ...NPM_ARGUMENTS]];
  process.stderr.write("keystead: installing the dependencies (npm ci) ...\n");
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  if (result.error !== undefined) fail(`npm could not be run: ${result.error.message}`);
  if (result.status !== 0)
    fail(`"npm ci" failed (status ${result.status === null ? result.signal : result.status}); what it said is above`);
}

/** Says why and stops the npm command that called. */
function fail(message) {
  process.stderr.write(`keystead: ${message}\n`);
  process.exit(1);
}

/** Checks that the command can find its Node 26. */
function checkNode() {
  const result = spawnSync(
    process.execPath,
    [join(ROOT, "keystead.cjs"), "--run", "-e", "process.exit(process.versions.node.startsWith('26.') ? 0 : 1)"],
    { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" },
  );
  if (result.status !== 0)
    fail(`Node 26 did not arrive with the dependencies: ${result.stderr.trim() || "the one found is another version"}`);
}

function main() {
  if (upToDate()) return;
  try {
    lock();
  } catch (error) {
    fail(`the dependencies must be installed, but ${ROOT} cannot be written (${error.code}); run "npm ci" as its owner`);
  }
  process.on("exit", () => fs.rmSync(LOCK, { recursive: true, force: true }));
  if (upToDate()) return;
  npmCi();
  checkNode();
  stamp(wanted());
}

main();
