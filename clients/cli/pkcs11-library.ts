/**
 * Where PKCS#11 modules are: what was named, what `PKCS11_LIBRARY_PATH` says, and the folders that systems keep them in.
 *
 * Only names of files are looked at; nothing is loaded here.
 */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Shell } from "./shell.ts";

/** Our module's file, on Linux and the BSDs, and on macOS. */
export const MODULE_NAMES: readonly string[] = ["libhsm_pkcs11.so", "libhsm_pkcs11.dylib"];
/** Other modules, by their usual names. */
const OTHERS = /(pkcs11|softhsm|cryptoki).*\.(so|dylib)$/;
const FOLDERS = ["/usr/local/lib", "/usr/lib", "/lib", "/usr/lib64", "/opt/homebrew/lib"];
/** What lies below them: folders of an architecture, and those that p11-kit and SoftHSM use. */
const BELOW = ["", "pkcs11", "softhsm"];
const ARCHITECTURE = /^[a-z0-9_]+-linux-gnu[a-z0-9]*$/;

const entries = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Modules that were found: what was named first, then ours, then others. */
export function findLibraries(shell: Shell, named: string | undefined): { readonly paths: string[]; readonly missing: string[] } {
  const asked = [...(named === undefined ? [] : [named]), ...(shell.env["PKCS11_LIBRARY_PATH"] ?? "").split(":")]
    .filter((path) => path !== "")
    .map((path) => resolve(shell.cwd, path));
  // A path may be a module, or a folder with some in it.
  const given = asked.flatMap((path) => (isFile(path) ? [path] : modulesIn(path)));
  const missing = asked.filter((path) => !isFile(path) && modulesIn(path).length === 0);
  const folders = FOLDERS.flatMap((folder) => [
    folder,
    ...entries(folder)
      .filter((name) => ARCHITECTURE.test(name))
      .map((name) => join(folder, name)),
  ]);
  const usual = folders.flatMap((folder) => BELOW.flatMap((below) => modulesIn(join(folder, below))));
  const built = MODULE_NAMES.map((name) => resolve(import.meta.dirname, "../pkcs11/target/release", name)).filter(isFile);
  const isOurs = (path: string): boolean => MODULE_NAMES.some((name) => path.endsWith(`/${name}`));
  const found = [...built, ...usual];
  return { paths: [...new Set([...given, ...found.filter(isOurs), ...found.filter((path) => !isOurs(path))])], missing };
}

const modulesIn = (folder: string): string[] =>
  entries(folder)
    .filter((name) => MODULE_NAMES.includes(name) || OTHERS.test(name))
    .map((name) => join(folder, name))
    .filter(isFile);
