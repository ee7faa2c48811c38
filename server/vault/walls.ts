/**
 * The walls around the vault, looked at from inside before anything else: a vault that could reach the network, start
 * a process or load native code refuses to run, and so does one whose data folder holds a symbolic link (Node's file
 * permissions follow links to wherever they lead).
 *
 * @see ARCHITECTURE.md "What runs"; test/architecture/vault-walls.test.ts tries each of these from inside
 */
import { lstatSync, readdirSync, type Dirent } from "node:fs";
import { join } from "node:path";
import { HsmError } from "@keystead/contract/errors";

/** What the vault must not be able to do, as Node's permission model names it. */
export const FORBIDDEN = Object.freeze(["net", "child", "addon", "worker", "ffi", "wasi", "inspector"] as const);

/** @throws {HsmError} INTERNAL naming what is open */
export function requireWalls(): void {
  const permission = process.permission;
  if (permission === undefined) throw new HsmError("INTERNAL", "the vault must run under Node's permission model");
  const open = FORBIDDEN.filter((scope) => permission.has(scope as never));
  if (permission.has("fs.read", "/etc/passwd")) open.push("fs.read" as never);
  if (open.length > 0) throw new HsmError("INTERNAL", `the vault must not have: ${open.join(", ")}`);
}

/**
 * Looks for links wherever this process can look; a folder of another user's that it cannot read it cannot follow
 * a link in either.
 *
 * @throws {HsmError} INTEGRITY_FAILURE naming the first link
 */
export function refuseLinks(folder: string): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink() || lstatSync(path).isSymbolicLink())
      throw new HsmError("INTEGRITY_FAILURE", `${path} is a symbolic link; the data folder must hold none`);
    if (entry.isDirectory()) refuseLinks(path);
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return [];
    throw error;
  }
}
