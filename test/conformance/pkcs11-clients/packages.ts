/**
 * Clients that come from the registries of their languages: exact versions with their hashes, in folders of their own that
 * are not committed. Nothing of them is part of the product, and nothing of them runs but in tests of the module.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ENVIRONMENT } from "../../environment.ts";
import { ROOT } from "../running-server.ts";
import type { Packages } from "./client-pages.ts";

const CACHE = join(ROOT, ".keystead/pkcs11-clients");

/** A file beside this one: which versions, with their hashes. */
const lock = (name: string): string => join(import.meta.dirname, name);

/** Runs a registry's client as whoever runs the tests: its own caches are theirs. */
const ran = (cwd: string, command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"], timeout: 240_000 }).status === 0;

/** Once for each content of the files that say what is wanted. */
function once(name: string, wanted: string, install: (folder: string) => boolean): string | false {
  const folder = join(CACHE, name);
  const mark = join(folder, `complete-${createHash("sha256").update(wanted).digest("hex").slice(0, 16)}`);
  if (existsSync(mark)) return false;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!install(folder)) return `what ${name} needs cannot be had from its registry`;
  writeFileSync(mark, "");
  return false;
}

export const PYTHON: Packages = {
  install: () =>
    once("python", readFileSync(lock("python/requirements.txt"), "utf8"), (folder) => {
      const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"];
      return ran(folder, "python3", "-m", "venv", "venv") && ran(folder, "venv/bin/python", ...pip, "-r", lock("python/requirements.txt"));
    }),
  into: () => ({ PATH: [join(CACHE, "python/venv/bin"), ENVIRONMENT["PATH"]].join(delimiter) }),
};

/** The one place where a package's install script runs: pkcs11js is compiled. */
export const NODE: Packages = {
  install: (fileOfPage) => {
    const manifest = fileOfPage("package.json");
    const versions = readFileSync(lock("node/package-lock.json"), "utf8");
    return once("node", manifest + versions, (folder) => {
      writeFileSync(join(folder, "package.json"), manifest);
      writeFileSync(join(folder, "package-lock.json"), versions);
      return ran(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts=false");
    });
  },
  into: (folder) => {
    symlinkSync(join(CACHE, "node/node_modules"), join(folder, "node_modules"));
    return {};
  },
};

/** What Go keeps is its user's. */
export const GO: Packages = {
  install: (fileOfPage) => {
    const [module, sums] = [fileOfPage("go.mod"), readFileSync(lock("go/go.sum"), "utf8")];
    return once("go", module + sums, (folder) => {
      writeFileSync(join(folder, "go.mod"), module);
      writeFileSync(join(folder, "go.sum"), sums);
      return ran(folder, "go", "mod", "download");
    });
  },
  into: (folder) => {
    copyFileSync(lock("go/go.sum"), join(folder, "go.sum"));
    const [build = "", modules = ""] = spawnSync("go", ["env", "GOCACHE", "GOMODCACHE"], { encoding: "utf8" }).stdout.trim().split("\n");
    return { GOCACHE: build, GOMODCACHE: modules, GOFLAGS: "-mod=readonly", GOPROXY: "off" };
  },
};

/** What cargo keeps is its user's, but for what it builds. */
export const RUST: Packages = {
  install: (fileOfPage) => {
    const [manifest, versions] = [fileOfPage("Cargo.toml"), readFileSync(lock("rust/Cargo.lock"), "utf8")];
    return once("rust", manifest + versions, (folder) => {
      mkdirSync(join(folder, "src"));
      writeFileSync(join(folder, "src/main.rs"), "fn main() {}\n");
      writeFileSync(join(folder, "Cargo.toml"), manifest);
      writeFileSync(join(folder, "Cargo.lock"), versions);
      return ran(folder, "cargo", "fetch", "--locked", "--quiet");
    });
  },
  into: (folder) => {
    copyFileSync(lock("rust/Cargo.lock"), join(folder, "Cargo.lock"));
    const { HOME = "", CARGO_HOME = join(HOME, ".cargo"), RUSTUP_HOME = join(HOME, ".rustup") } = process.env;
    return { CARGO_HOME, RUSTUP_HOME, CARGO_TARGET_DIR: join(CACHE, "rust/target"), CARGO_NET_OFFLINE: "true" };
  },
};
