/** For tests of walls: runs vault-probe.ts under a part's flags, as the launcher would, and hands back what it could do. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, globSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { confined } from "../../server/launcher/part.ts";
import type { PartUser } from "../../server/launcher/users.ts";
import { ROOT, newFolder } from "../server.ts";

export const AS_ROOT = process.getuid?.() === 0;
const ACCESS = "ERR_ACCESS_DENIED";

export interface Probed {
  /** "done", or the code of the error, by attempt. */
  readonly said: Readonly<Record<string, string>>;
  /** Connections and packets that came through. */
  readonly arrived: number;
}

/** What Node's permission model itself refuses, and by which code. */
export const REFUSED: Readonly<Record<string, string | RegExp>> = {
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

/**
 * Runs the probe as the launcher runs a part: its flags, its shell, its user, its environment, its folder.
 *
 * @param part the part whose code the probe stands in for
 * @param flags the part's, for a root and a data folder
 */
export async function runProbe(
  part: "vault" | "scripts",
  flags: (root: string, data: string) => string[],
  user: PartUser,
): Promise<Probed> {
  let arrived = 0;
  const folder = newFolder();
  const root = join(folder, "root");
  const data = join(folder, "data");
  const outside = join(folder, "outside");
  for (const made of ["server/vault", "server/gateway", "server/scripts", "lib", "node_modules"])
    mkdirSync(join(root, made), { recursive: true });
  mkdirSync(data);
  mkdirSync(outside, { mode: 0o700 });
  writeFileSync(join(root, "package.json"), '{"type":"module"}');
  copyFileSync(join(import.meta.dirname, "vault-probe.ts"), join(root, "server", part, "main.ts"));
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
  if (AS_ROOT) for (const name of [".", ...readdirSync(data)]) if (name !== "link") chownSync(join(data, name), user.uid, user.gid);
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
  const child = spawn(...confined(process.execPath, [...flags(root, data), join(root, "server", part, "main.ts")]), {
    env: { UV_THREADPOOL_SIZE: "4", NODE_OPTIONS: "--permission --allow-net --allow-child-process", PROBE: JSON.stringify(question) },
    stdio: ["ignore", "pipe", "pipe"],
    ...(AS_ROOT ? user : {}),
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
  return { said: JSON.parse(line) as Record<string, string>, arrived };
}
