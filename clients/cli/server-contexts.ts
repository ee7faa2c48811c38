/**
 * Contexts: profiles that have a name, so that somebody with several servers, or several identities at one, says which by a
 * word. One of them can be the current one.
 *
 * Each has a folder of its own under ~/.config/keystead/contexts, with its profile and the session that `keystead login` keeps
 * beside it. They hold paths, never secrets.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readProfile, type Profile } from "@keystead/client/profile";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const home = (shell: Pick<Shell, "home">): string => join(shell.home, ".config", "keystead");
const currentPath = (shell: Pick<Shell, "home">): string => join(home(shell), "current-context");

/** Where a context's profile is. @throws {HsmError} INVALID_REQUEST  the name is none */
export function contextPath(name: string, shell: Pick<Shell, "home">): string {
  if (!NAME.test(name)) throw usageError(`'${name}' is not a name: 1 to 63 letters, digits, dots, hyphens and underscores`);
  return join(home(shell), "contexts", name, "profile.json");
}

/** The profile of a context that was asked for. @throws {HsmError} INVALID_REQUEST  there is no such context */
export function namedContextPath(name: string, shell: Pick<Shell, "home">): string {
  const path = contextPath(name, shell);
  if (!existsSync(path)) throw usageError(`there is no context '${name}'; see \`keystead context list\``);
  return path;
}

/** The current context; undefined while there is none. */
export function currentContext(shell: Pick<Shell, "home">): string | undefined {
  let name: string;
  try {
    name = readFileSync(currentPath(shell), "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  // One that was removed by hand is none any more.
  return NAME.test(name) && existsSync(contextPath(name, shell)) ? name : undefined;
}

/** Makes it the current one; undefined = none is. @throws {HsmError} INVALID_REQUEST  there is no such context */
export function useContext(name: string | undefined, shell: Pick<Shell, "home">): void {
  if (name === undefined) return rmSync(currentPath(shell), { force: true });
  namedContextPath(name, shell);
  replace(currentPath(shell), `${name}\n`);
}

/** Every context with its profile, by name. */
export function listContexts(shell: Pick<Shell, "home">): readonly { readonly name: string; readonly profile: Profile }[] {
  const folder = join(home(shell), "contexts");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => NAME.test(name) && existsSync(contextPath(name, shell)))
    .sort()
    .map((name) => ({ name, profile: readProfile(contextPath(name, shell)) }));
}

/** Writes a context. @param replaceIt false: one of that name is left as it is, and refused */
export function saveContext(name: string, profile: Profile, replaceIt: boolean, shell: Pick<Shell, "home">): void {
  const path = contextPath(name, shell);
  if (!replaceIt && existsSync(path)) throw usageError(`there is a context '${name}' already; --force replaces it`);
  replace(path, `${JSON.stringify(profile, null, 2)}\n`);
}

/** Forgets a context and its session. The files that its profile names stay. */
export function removeContext(name: string, shell: Pick<Shell, "home">): void {
  const folder = dirname(namedContextPath(name, shell));
  const current = currentContext(shell);
  rmSync(folder, { recursive: true });
  if (current === name) useContext(undefined, shell);
}

function replace(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}`;
  writeFileSync(beside, text, { mode: 0o600 });
  chmodSync(beside, 0o600);
  renameSync(beside, path);
}
