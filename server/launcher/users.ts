/**
 * A user of its own for each part, when the launcher is root.
 *
 * The numbers lie in the range systemd reserves for such users, so no account needs to exist. Files a part needs are
 * given to it here; credentials of the operator stay root's. When the checkout cannot be read by other users (it lies
 * in somebody's home), every part runs as the launcher's user, and status says so.
 */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

export interface PartUser {
  readonly uid: number;
  readonly gid: number;
}

/** One number for user and group; 61184 to 65519 is systemd's dynamic range. */
export const USERS: Readonly<Record<"vault" | "gateway" | "connector" | "scripts", PartUser>> = Object.freeze({
  vault: { uid: 61501, gid: 61501 },
  gateway: { uid: 61502, gid: 61502 },
  connector: { uid: 61503, gid: 61503 },
  scripts: { uid: 61504, gid: 61504 },
});

/** True when every folder down to `path` lets other users through and `path` can be read by them. */
export function readableByOthers(path: string): boolean {
  if ((statSync(path).mode & 0o004) === 0) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Gives a file to a part, alone. Does nothing when it does not exist or is a link. */
export function giveFile(path: string, user: PartUser): void {
  if (!existsSync(path) || lstatSync(path).isSymbolicLink()) return;
  chownSync(path, user.uid, user.gid);
  chmodSync(path, 0o600);
}

/** Folders that belong to everybody: giving one away would take it from the system. */
const EVERYBODYS = new Set([
  "/",
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/home",
  "/lib",
  "/media",
  "/mnt",
  "/opt",
  "/proc",
  "/root",
  "/run",
  "/sbin",
  "/srv",
  "/sys",
  "/tmp",
  "/usr",
  "/var",
  "/var/lib",
  "/var/log",
  "/var/tmp",
]);

/**
 * Gives a folder, and those files directly in it that are ours, to a part; folders inside stay as they are.
 *
 * A folder that somebody else uses too is refused, not taken: root could take any.
 *
 * @param ours whether a file of this name is one that the part makes
 * @throws {Error} saying which folder and why
 */
export function giveFolder(path: string, user: PartUser, ours: (name: string) => boolean): void {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const { uid, mode } = lstatSync(path);
  if (lstatSync(path).isSymbolicLink()) return;
  const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  const strange = uid === user.uid ? undefined : files.find((entry) => !ours(entry.name));
  if (EVERYBODYS.has(path) || (mode & STICKY) !== 0) throw new Error(`${path} belongs to the whole system; name a folder of its own`);
  if (strange !== undefined) throw new Error(`${path} holds ${strange.name}, which is not Keystead's; name a folder of its own`);
  chownSync(path, user.uid, user.gid);
  chmodSync(path, 0o711);
  for (const entry of files) if (ours(entry.name)) giveFile(join(path, entry.name), user);
}

const STICKY = 0o1000;

/**
 * The folder of the gateway's unix socket: made when it is not there, and the gateway's. Who else may enter is what its group
 * and mode say, so one that more than its group may enter, or that others may write to, is refused and not mended.
 *
 * @param user the gateway's, when it has one of its own
 * @throws {Error} saying which folder and why
 */
export function socketFolder(socket: string, user: PartUser | undefined): void {
  const path = dirname(socket);
  mkdirSync(path, { recursive: true, mode: 0o750 });
  const { uid, gid, mode } = lstatSync(path);
  const own = process.getuid?.() ?? uid;
  if (!lstatSync(path).isDirectory()) throw new Error(`${path} is no folder`);
  if (EVERYBODYS.has(path) || (mode & STICKY) !== 0) throw new Error(`${path} belongs to the whole system; name a folder of its own`);
  if ((mode & 0o027) !== 0)
    throw new Error(
      `${path} has mode ${(mode & 0o777).toString(8).padStart(4, "0")}; others may enter it, or its group write to it: make it 0750 or stricter`,
    );
  if (uid !== own && uid !== user?.uid) throw new Error(`${path} belongs to user ${uid}, not to the server's (${user?.uid ?? own})`);
  if (lstatSync(socket, { throwIfNoEntry: false })?.isSocket() === false) throw new Error(`${socket} is there and is no socket`);
  // Its group stays: it says who may use the socket.
  if (user !== undefined && uid !== user.uid) chownSync(path, user.uid, gid);
}

/** Lets other users through a folder, besides whatever they may do there already. */
export function letThrough(path: string): void {
  if (!existsSync(path)) return;
  const { mode } = statSync(path);
  if ((mode & 0o011) !== 0o011) chmodSync(path, (mode & 0o7777) | 0o011);
}

/** Lets other users read a public file. */
export function showFile(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o644);
}
