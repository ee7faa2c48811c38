/** The walls around scripts, looked at from inside before the first is taken: what is open must be nothing. */
import { HsmError } from "@keystead/contract/errors";

/** What this process must not be able to do, as Node's permission model names it. */
export const FORBIDDEN = Object.freeze(["net", "child", "addon", "worker", "ffi", "wasi", "inspector", "fs.write"] as const);

/** @throws {HsmError} INTERNAL naming what is open */
export function requireWalls(): void {
  const permission = process.permission;
  if (permission === undefined) throw new HsmError("INTERNAL", "scripts must run under Node's permission model");
  const open: string[] = FORBIDDEN.filter((scope) => permission.has(scope as never));
  if (permission.has("fs.read", "/etc/passwd")) open.push("fs.read");
  if (open.length > 0) throw new HsmError("INTERNAL", `scripts must not have: ${open.join(", ")}`);
}
