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
export const USERS: Readonly<Record<"vault" | "gateway", PartUser>> = Object.freeze({
  vault: { uid: 61501, gid: 61501 },
  gateway: { uid: 61502, gid: 61502 },
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

/** Gives a folder and the files directly in it to a part; folders inside stay as they are. Links are left alone. */
export function giveFolder(path: string, user: PartUser, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  if (lstatSync(path).isSymbolicLink()) return;
  chownSync(path, user.uid, user.gid);
  chmodSync(path, mode);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isFile()) giveFile(join(path, entry.name), user);
  }
}

/** Lets other users through a folder without showing them what is in it. */
export function letThrough(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o711);
}

/** Lets other users read a public file. */
export function showFile(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o644);
}
