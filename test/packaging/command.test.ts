/** The `keystead` command: which Node it finds, what it starts, that signals and exit statuses pass through it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "keystead-command-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of the command whose parts only say their arguments; `KEYSTEAD_NODE` is the node that runs this test. */
const copy = join(folder, "copy");
mkdirSync(copy);
copyFileSync(join(ROOT, "keystead.cjs"), join(copy, "keystead.cjs"));
const SAY =
  'console.log(JSON.stringify({ part: import.meta.filename.slice(import.meta.dirname.lastIndexOf("/copy/") + 6), args: process.argv.slice(2), flags: process.execArgv, options: process.env.NODE_OPTIONS ?? null, cache: process.env.NODE_COMPILE_CACHE ?? null }));\n';
for (const part of ["server/launcher/main.ts", "server/setup/main.ts", "server/vault/inspect.ts", "clients/cli/main.ts"]) {
  mkdirSync(join(copy, part, ".."), { recursive: true });
  writeFileSync(join(copy, part), SAY);
}
writeFileSync(join(copy, "package.json"), '{"type":"module"}');
symlinkSync(join(copy, "keystead.cjs"), join(folder, "hsm-server"));

const env = { PATH: process.env["PATH"], KEYSTEAD_NODE: process.execPath, NODE_OPTIONS: "--no-warnings" };

interface Said {
  readonly part: string;
  readonly args: readonly string[];
  readonly flags: readonly string[];
  readonly options: string | null;
  readonly cache: string | null;
}

function say(command: string, ...args: readonly string[]): Said {
  return sayIn(env, command, ...args);
}

function sayIn(environment: NodeJS.ProcessEnv, command: string, ...args: readonly string[]): Said {
  const { stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: "utf8", env: environment });
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as Said;
}

const LAUNCHER = "server/launcher/main.ts";
const SETUP = "server/setup/main.ts";
const KEYSTEAD = join(copy, "keystead.cjs");
const HSM_SERVER = join(folder, "hsm-server");

const DISPATCH: readonly (readonly [command: string, args: readonly string[], part: string, passed: readonly string[]])[] = [
  [KEYSTEAD, ["server", "--config", "f"], LAUNCHER, ["--config", "f"]],
  [KEYSTEAD, ["dev", "--port", "1"], LAUNCHER, ["--preset", "development", "--port", "1"]],
  [KEYSTEAD, ["server", "--validate"], SETUP, ["--validate"]],
  [KEYSTEAD, ["server", "--help"], SETUP, ["--help"]],
  [KEYSTEAD, ["config", "validate", "--config", "f"], SETUP, ["--validate", "--config", "f"]],
  [KEYSTEAD, ["config", "show"], SETUP, ["--show"]],
  [KEYSTEAD, ["audit", "verify", "x"], "server/vault/inspect.ts", ["audit", "verify", "x"]],
  [KEYSTEAD, ["store", "verify"], "server/vault/inspect.ts", ["store", "verify"]],
  [KEYSTEAD, ["audit", "tail"], "clients/cli/main.ts", ["audit", "tail"]],
  [KEYSTEAD, ["keys", "list"], "clients/cli/main.ts", ["keys", "list"]],
  [KEYSTEAD, [], "clients/cli/main.ts", []],
  [HSM_SERVER, ["--config", "f"], LAUNCHER, ["--config", "f"]],
  [HSM_SERVER, ["server", "--config", "f"], LAUNCHER, ["--config", "f"]],
  [HSM_SERVER, ["--config", "f", "--validate"], SETUP, ["--config", "f", "--validate"]],
];

for (const [command, args, part, passed] of DISPATCH) {
  test(`"${[command === KEYSTEAD ? "keystead" : "hsm-server", ...args].join(" ")}" starts ${part}`, () => {
    const said = say(command, ...args);
    assert.deepEqual([said.part, said.args], [part, passed]);
  });
}

test("the launcher runs under the permission model and no server part inherits NODE_OPTIONS", () => {
  const { flags, options } = say(KEYSTEAD, "server");
  assert.deepEqual(flags, [
    "--permission",
    "--allow-fs-read=*",
    "--allow-fs-write=*",
    "--allow-child-process",
    "--disable-sigusr1",
    "--disable-warning=PERM0002",
  ]);
  assert.equal(options, null);
  assert.equal(say(KEYSTEAD, "server", "--validate").options, null);
  assert.equal(say(KEYSTEAD, "keys").options, "--no-warnings");
});

test("no server part takes compiled code from a folder outside the installation; a client may", () => {
  const cachedIn = (cache: string, ...args: readonly string[]): string | null =>
    sayIn({ ...env, NODE_COMPILE_CACHE: cache }, KEYSTEAD, ...args).cache;
  const own = join(copy, ".keystead/compile-cache");
  const others = [join(folder, "anybody"), join(own, "../../data"), join(own, "below"), copy];
  for (const args of [["server"], ["dev"], ["config", "show"], ["server", "--validate"], ["audit", "verify", "x"], ["store", "verify"]]) {
    for (const other of others) assert.equal(cachedIn(other, ...args), null, `${args.join(" ")} ${other}`);
    assert.equal(cachedIn(own, ...args), own, args.join(" "));
  }
  assert.equal(cachedIn(others[0] as string, "keys"), others[0]);
});

test("the exit status of the part is the command's own", () => {
  const { status } = spawnSync(process.execPath, [KEYSTEAD, "--run", "-e", "process.exit(7)"], { env });
  assert.equal(status, 7);
});

test("a part ended by a signal gives 128 and the signal's number", () => {
  const { status } = spawnSync(process.execPath, [KEYSTEAD, "--run", "-e", "process.kill(process.pid, 'SIGKILL')"], { env });
  assert.equal(status, 128 + constants.signals.SIGKILL);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} reaches the part, which may end in its own time`, async () => {
    const code = `process.on("${signal}", () => setTimeout(() => process.exit(9), 50)); setInterval(() => {}, 1000); console.log("up")`;
    const child = spawn(process.execPath, [KEYSTEAD, "--run", "-e", code], { env, stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill(signal);
    assert.deepEqual(await once(child, "exit"), [9, null]);
  });
}

test("a descriptor that an argument names as a secret is handed on under its number", () => {
  const path = join(folder, "secret");
  writeFileSync(path, "value");
  const code = "process.stdout.write(require('fs').readFileSync(5, 'utf8'))";
  const fd = openSync(path, "r");
  const { stdout, stderr } = spawnSync(process.execPath, [KEYSTEAD, "--run", "-e", code, "--", "--master-key", "fd:5"], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe", "ignore", "ignore", fd],
  });
  assert.equal(stdout, "value", stderr);
});

test("a platform without a packaged Node is refused by name", () => {
  const code = `Object.defineProperty(process, "platform", { value: "plan9" }); process.argv[1] = ${JSON.stringify(KEYSTEAD)}; require(${JSON.stringify(KEYSTEAD)});`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8", env: { PATH: env.PATH } });
  assert.equal(status, 2);
  assert.match(stderr, /no Node 26 is packaged for plan9-/);
});

test("missing dependencies and a wrong KEYSTEAD_NODE are said in a sentence", () => {
  const run = (more: Readonly<Record<string, string>>) =>
    spawnSync(process.execPath, [KEYSTEAD, "server"], { encoding: "utf8", env: { PATH: env.PATH, ...more } });
  assert.match(run({}).stderr, /the dependencies are not installed .*run "npm start" or "npm ci/);
  assert.match(run({ KEYSTEAD_NODE: "/nowhere/node" }).stderr, /KEYSTEAD_NODE names \/nowhere\/node, which does not exist/);
  assert.deepEqual([run({}).status, run({ KEYSTEAD_NODE: "/nowhere/node" }).status], [2, 2]);
});

test("the command and the installer are written for old Nodes", () => {
  for (const name of ["keystead.cjs", "tools/install.cjs"]) {
    const text = readFileSync(join(ROOT, name), "utf8");
    assert.doesNotMatch(text, /^import |\busing \w+ =|\.ts"\);$|require\("node:sqlite"\)/m, name);
  }
});
