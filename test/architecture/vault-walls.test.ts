import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { USERS } from "../../server/launcher/users.ts";
import { vaultFlags } from "../../server/launcher/walls.ts";
import { newFolder, startInVain, startServer, titleOf } from "../server.ts";
import { AS_ROOT, REFUSED, runProbe } from "./run-probe.ts";

let said: Readonly<Record<string, string>>;
let arrived = 0;

before(async () => {
  ({ said, arrived } = await runProbe("vault", (root, data) => vaultFlags(root, [data], []), USERS.vault));
});

test("the probe runs: its own folder can be read and written", () => {
  assert.equal(said["control: reading its own folder"], "done");
  assert.equal(said["control: writing its own folder"], "done");
});

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
      // A journal of SQLite may be gone again.
      (entry) => entry.isFile() && ((statSync(join(server.dataDir, entry.name), { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0,
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
