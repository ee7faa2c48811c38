/** The PKCS#11 module, built from its source once per run, in the folder that is not committed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../environment.ts";
import { ROOT } from "./running-server.ts";

const SOURCE = join(ROOT, "clients/pkcs11");
const TARGET = join(ROOT, ".keystead/pkcs11");

const has = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args).error === undefined;
const absent = ["cargo", "pkcs11-tool", "python3"].filter((command) => !has(command, "--help"));

/** Why tests of the module cannot run here, or false. With CI=true they run, and fail. */
export const skipModule: string | false = process.env["CI"] !== "true" && absent.length > 0 && `there is no ${absent.join(", no ")}`;

/** Runs cargo in the module's folder, with the versions of its lock file alone. Cargo's own caches are the user's. */
export function cargo(...args: readonly string[]): void {
  const { HOME, CARGO_HOME, RUSTUP_HOME } = process.env;
  const own = Object.fromEntries(Object.entries({ HOME, CARGO_HOME, RUSTUP_HOME }).filter(([, value]) => value !== undefined));
  const { status, error, stderr } = spawnSync("cargo", [...args, "--locked"], {
    cwd: SOURCE,
    env: { ...ENVIRONMENT, ...own, CARGO_TARGET_DIR: TARGET } as NodeJS.ProcessEnv,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  assert.equal(status, 0, error?.message ?? stderr);
}

/** Builds the module; a second time costs a look at the files. @returns the library's path */
export function builtModule(): string {
  cargo("build");
  return join(TARGET, "debug/libhsm_pkcs11.so");
}

/** Builds the application that loads any module, clients/pkcs11/probe. @returns its path */
export function builtProbe(): string {
  cargo("build", "--bin", "hsm-pkcs11-probe");
  return join(TARGET, "debug/hsm-pkcs11-probe");
}

/** Builds one of the crate's programs. @returns its path */
export function builtExample(name: string): string {
  cargo("build", "--example", name);
  return join(TARGET, "debug/examples", name);
}

/** Names of the functions that are not built, from the table that makes them. */
export function unsupportedFunctions(): string[] {
  const table = readFileSync(join(SOURCE, "src/ffi/unsupported.rs"), "utf8");
  return [...table.matchAll(/^ {4}(C_\w+)\(/gm)].map(([, name = ""]) => name);
}
