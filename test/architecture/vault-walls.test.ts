import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, test } from "node:test";
import { confined } from "../../server/launcher/part.ts";
import { USERS } from "../../server/launcher/users.ts";
import { vaultFlags } from "../../server/launcher/walls.ts";
import { ROOT, newFolder, startInVain, startServer, titleOf } from "../server.ts";

const AS_ROOT = process.getuid?.() === 0;
const ACCESS = "ERR_ACCESS_DENIED";
let said: Record<string, string>;
let arrived = 0;

/** Runs the probe as the launcher runs the vault: its flags, its shell, its user, its environment, its folder. */
before(async () => {
  const folder = newFolder();
  const root = join(folder, "root");
  const data = join(folder, "data");
  const outside = join(folder, "outside");
  for (const made of ["server/vault", "server/gateway", "lib", "node_modules"]) mkdirSync(join(root, made), { recursive: true });
  mkdirSync(data);
  mkdirSync(outside, { mode: 0o700 });
  writeFileSync(join(root, "package.json"), '{"type":"module"}');
  copyFileSync(join(import.meta.dirname, "vault-probe.ts"), join(root, "server/vault/main.ts"));
  copyFileSync(join(ROOT, "server/gateway/main.ts"), join(root, "server/gateway/main.ts"));
  const [addon] = globSync("node_modules/**/*.node", { cwd: ROOT });
  copyFileSync(join(ROOT, addon as string), join(root, "node_modules/addon.node"));
  writeFileSync(join(data, "inside"), "x");
  writeFileSync(join(outside, "secret"), "x", { mode: 0o600 });
  symlinkSync(join(outside, "secret"), join(data, "link"));
  const other = new DatabaseSync(join(outside, "other.db"));
  other.exec("CREATE TABLE secrets (x); INSERT INTO secrets VALUES (1)");
  other.close();
  // Real doors on the other side, so that only the walls can be what stops the probe.
  const tcp = createServer((socket) => {
    arrived += 1;
    socket.on("error", () => undefined).end();
  }).listen(0, "127.0.0.1");
  const local = createServer((socket) => {
    arrived += 1;
    socket.end();
  }).listen(join(outside, "socket"));
  const inside = createServer((socket) => {
    arrived += 1;
    socket.end();
  }).listen(join(data, "socket"));
  const udp = createSocket("udp4").on("message", () => (arrived += 1));
  udp.bind(0, "127.0.0.1");
  await Promise.all([tcp, local, inside, udp].map((door) => once(door, "listening")));
  if (AS_ROOT)
    for (const name of [".", ...readdirSync(data)]) if (name !== "link") chownSync(join(data, name), USERS.vault.uid, USERS.vault.gid);
  chmodSync(data, 0o711);
  const victim = spawn("sleep", ["60"], { stdio: "ignore" });
  const question = {
    data,
    outside,
    root,
    port: (tcp.address() as AddressInfo).port,
    udpPort: udp.address().port,
    socket: join(outside, "socket"),
    addon: join(root, "node_modules/addon.node"),
    pid: victim.pid,
  };
  const child = spawn(...confined(process.execPath, [...vaultFlags(root, [data], []), join(root, "server/vault/main.ts")]), {
    env: { UV_THREADPOOL_SIZE: "4", NODE_OPTIONS: "--permission --allow-net --allow-child-process", PROBE: JSON.stringify(question) },
    stdio: ["ignore", "pipe", "pipe"],
    ...(AS_ROOT ? USERS.vault : {}),
  });
  let output = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  await once(child, "close");
  victim.kill();
  for (const door of [tcp, local, inside, udp]) door.close();
  const line = output.split("\n").find((text) => text.startsWith("{"));
  assert.ok(line !== undefined, output + complaints);
  said = JSON.parse(line) as Record<string, string>;
});

test("the probe runs: its own folder can be read and written", () => {
  assert.equal(said["control: reading its own folder"], "done");
  assert.equal(said["control: writing its own folder"], "done");
});

/** What Node's permission model itself refuses, and by which code. */
const REFUSED: Readonly<Record<string, string | RegExp>> = {
  "TCP connect": ACCESS,
  "TCP listen": ACCESS,
  "UDP send": ACCESS,
  "UDP bind": ACCESS,
  "DNS lookup": ACCESS,
  "DNS resolver": ACCESS,
  "unix socket connect": ACCESS,
  "unix socket connect in its own folder": ACCESS,
  "unix socket listen": ACCESS,
  fetch: /TypeError/,
  WebSocket: /TypeError/,
  spawn: ACCESS,
  spawnSync: ACCESS,
  exec: ACCESS,
  execFileSync: ACCESS,
  fork: ACCESS,
  "worker thread": ACCESS,
  "process.execve": ACCESS,
  "inspector open": ACCESS,
  "inspector session": ACCESS,
  "process.dlopen": "ERR_DLOPEN_DISABLED",
  "require of an addon": "ERR_DLOPEN_DISABLED",
  "process.binding spawn": ACCESS,
  "process.binding tcp": ACCESS,
  "internal modules": "MODULE_NOT_FOUND",
  WASI: ACCESS,
  "ffi of a library": ACCESS,
  "ffi reading memory": ACCESS,
  "ffi memory as a buffer": ACCESS,
  eval: /EvalError/,
  "new Function": /EvalError/,
  "reading /etc/passwd": ACCESS,
  "reading /proc/self/environ": ACCESS,
  "reading /proc/self/maps": ACCESS,
  "reading the gateway's code": ACCESS,
  "reading another folder": ACCESS,
  "reading /proc/self/mem": ACCESS,
  "writing /proc/self/mem": ACCESS,
  "/proc/self/fd": ACCESS,
  "writing outside": ACCESS,
  "writing beside its folder": ACCESS,
  "writing its own code": ACCESS,
  "writing outside by way of ..": ACCESS,
  "making a symbolic link": ACCESS,
  "making a hard link": ACCESS,
  "renaming into its folder": ACCESS,
  "copying into its folder": ACCESS,
  "opening a folder's watcher": ACCESS,
  "a report": ACCESS,
  "a heap snapshot": ACCESS,
  "a compile cache": /write permission .* is not granted/,
  "sqlite ATTACH elsewhere, as the store opens its database": /too many attached databases - max 0/,
  "sqlite extension, as the store opens its database": "ERR_INVALID_STATE",
  "sqlite extension": "ERR_LOAD_SQLITE_EXTENSION",
};

/** What only the operating system stops: the vault's own user. Under the operator's user nothing does. */
const BY_USER: Readonly<Record<string, string | RegExp>> = {
  "sqlite opening elsewhere": /SQLITE 14: unable to open/,
  "sqlite making a file elsewhere": /SQLITE 14: unable to open/,
  "sqlite backup elsewhere": /SQLITE 14: unable to open/,
  "reading through a symbolic link in its folder": "EACCES",
  "process._debugProcess of another process": "EPERM",
};

/** What is possible and leads nowhere. */
const POSSIBLE: Readonly<Record<string, string>> = { "vm with strings made code": "done" };

const fits = (name: string, wanted: string | RegExp): void =>
  typeof wanted === "string" ? assert.equal(said[name], wanted) : assert.match(said[name] as string, wanted);

for (const [name, wanted] of Object.entries(REFUSED)) test(`from inside the vault's walls: ${name} is refused`, () => fits(name, wanted));

for (const [name, wanted] of Object.entries(BY_USER)) {
  test(
    `from inside the vault's walls: only the operating system stops ${name}, and it does when the vault has a user of its own`,
    { skip: !AS_ROOT && "needs root, to give the vault a user" },
    () => fits(name, wanted),
  );
}

test("node:vm can still make code of strings; it is the same process behind the same walls, and nothing of the product imports it", () => {
  assert.deepEqual(Object.fromEntries(Object.keys(POSSIBLE).map((name) => [name, said[name]])), POSSIBLE);
});

test("every attempt of the probe is judged here", () => {
  const judged = new Set([...Object.keys(REFUSED), ...Object.keys(BY_USER), ...Object.keys(POSSIBLE), "NODE_OPTIONS", "uid"]);
  assert.deepEqual(
    Object.keys(said).filter((name) => !judged.has(name) && !name.startsWith("control: ")),
    [],
  );
});

test("nothing the probe sent arrived anywhere", () => {
  assert.equal(arrived, 0);
});

test("NODE_OPTIONS of the launcher does not reach a part, and the vault runs as its own user when the launcher is root", () => {
  assert.equal(said["NODE_OPTIONS"], "absent");
  if (AS_ROOT) assert.equal(said["uid"], String(USERS.vault.uid));
});

test("the running parts: their titles, no core file for good, no NODE_OPTIONS, no secret and no more than the descriptors they need", async () => {
  const server = await startServer({ env: { NODE_OPTIONS: "--no-warnings" } });
  try {
    const { launcher, vault, gateway } = server.pids() as Record<"launcher" | "vault" | "gateway", number>;
    assert.deepEqual([launcher, vault, gateway].map(titleOf), ["keystead", "keystead [vault]", "keystead [gateway]"]);
    const shown = spawnSync("ps", ["-o", "args=", "-p", [launcher, vault, gateway].join(",")], { encoding: "utf8" })
      .stdout.trim()
      .split("\n")
      .map((line) => line.trim());
    assert.deepEqual(shown.sort(), ["keystead", "keystead [gateway]", "keystead [vault]"]);
    for (const pid of [vault, gateway]) {
      assert.match(readFileSync(`/proc/${pid}/limits`, "utf8"), /^Max core file size +0 +0 +bytes/m);
      const names = readFileSync(`/proc/${pid}/environ`, "utf8")
        .split("\u0000")
        .filter((entry) => entry !== "")
        .map((entry) => entry.split("=")[0] as string);
      assert.deepEqual(
        names.filter(
          (name) =>
            !["UV_THREADPOOL_SIZE", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "PWD", "OLDPWD", "SHLVL", "_"].includes(name),
        ),
        [],
      );
    }
    assert.doesNotMatch(readFileSync(`/proc/${launcher}/environ`, "utf8"), /NODE_OPTIONS/);
    const sockets = (pid: number): Set<string> =>
      new Set(
        readdirSync(`/proc/${pid}/fd`)
          .map((fd) => {
            try {
              return readlinkSync(`/proc/${pid}/fd/${fd}`);
            } catch {
              return "";
            }
          })
          .filter((target) => target.startsWith("socket:")),
      );
    const listening = (pid: number): boolean =>
      ["tcp", "tcp6", "udp", "udp6"].some((kind) =>
        readFileSync(`/proc/${pid}/net/${kind}`, "utf8")
          .split("\n")
          .slice(1)
          .some((line) => sockets(pid).has(`socket:[${line.trim().split(/ +/)[9]}]`)),
      );
    assert.deepEqual(
      { launcher: listening(launcher), vault: listening(vault), gateway: listening(gateway) },
      { launcher: false, vault: false, gateway: true },
    );
    if (AS_ROOT) {
      const uid = (pid: number): string | undefined => /^Uid:\t(\d+)\t\1\t\1/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      assert.deepEqual([uid(vault), uid(gateway)], [String(USERS.vault.uid), String(USERS.gateway.uid)]);
    }
  } finally {
    await server.stop();
  }
});

test("what the vault writes is nobody else's to read, from its first start on", async () => {
  const server = await startServer();
  try {
    const open = readdirSync(server.dataDir, { withFileTypes: true }).filter(
      (entry) => entry.isFile() && (statSync(join(server.dataDir, entry.name)).mode & 0o077) !== 0,
    );
    assert.deepEqual(
      open.map(({ name }) => name),
      [],
    );
  } finally {
    await server.stop();
  }
});

test("a vault whose data folder holds a symbolic link refuses to start by name, and starts when it is gone", async () => {
  const dataDir = join(newFolder(), "data");
  await (await startServer({ dataDir })).stop();
  const link = join(dataDir, "keys");
  symlinkSync("/etc", link);
  const { status, said } = await startInVain({ dataDir });
  assert.equal(status, 78);
  assert.ok(said.includes(`${link} is a symbolic link`), said);
  rmSync(link);
  const again = await startServer({ dataDir });
  assert.equal(await again.stop(), 0);
  assert.ok(existsSync(join(dataDir, "keystead.db")));
});
