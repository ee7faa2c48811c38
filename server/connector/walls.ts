/**
 * The walls around a connector, looked at from inside before anything else: it reaches the network and nothing more.
 *
 * @see ARCHITECTURE.md "Walls"; test/architecture/connector-walls.test.ts tries each of these from inside
 */

/** What a connector must not be able to do, as Node's permission model names it. */
export const FORBIDDEN = Object.freeze(["fs.write", "child", "addon", "worker", "ffi", "wasi", "inspector"] as const);

/** @throws {Error} naming what is open */
export function requireWalls(): void {
  const { permission } = process;
  if (permission === undefined) throw new Error("a connector must run under Node's permission model");
  const open: string[] = FORBIDDEN.filter((scope) => permission.has(scope as never));
  if (permission.has("fs.read", "/etc/passwd")) open.push("fs.read");
  if (open.length > 0) throw new Error(`a connector must not have: ${open.join(", ")}`);
}
