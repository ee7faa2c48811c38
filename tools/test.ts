/**
 * `npm test`: checks, then every test. Warnings fail.
 *
 *     npm test                    everything
 *     npm test -- lib/crypto      only files whose path contains a word; skips the checks
 *     npm run test:soak           the long ones too: files ending in .soak.ts, and what other files leave out unless KEYSTEAD_SOAK=true
 *     npm run coverage            with a coverage summary
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import { installTestNeeds } from "./test-needs.ts";

const ROOT = resolve(import.meta.dirname, "..");
const args = process.argv.slice(2);
const flags = args.filter((word) => word.startsWith("--"));
const words = args.filter((word) => !word.startsWith("--"));

/** Runs a step; a failing step ends everything with its status. */
function step(name: string, command: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const started = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const { status, error } = spawnSync(command, argv, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } });
  if (error !== undefined) process.stderr.write(`${name}: ${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
  process.stdout.write(`== ${name}: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

if (words.length === 0) {
  step("format", join(ROOT, "node_modules/.bin/oxfmt"), ["--check"]);
  step("lint", join(ROOT, "node_modules/.bin/oxlint"), ["--deny-warnings"]);
  step("types", process.execPath, [join(ROOT, "node_modules/ts7/bin/tsc"), "-p", "tsconfig.json"]);
}
const { path } = installTestNeeds(ROOT);
const patterns = ["{lib,server,clients,test,tools}/**/*.test.ts", ...(flags.includes("--soak") ? ["test/**/*.soak.ts"] : [])];
const files = patterns
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT, exclude: (name) => name.includes("node_modules") }))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  process.stderr.write("no test file matches\n");
  process.exit(1);
}
const coverage = flags.includes("--coverage")
  ? ["--experimental-test-coverage", "--test-coverage-exclude=**/*.test.ts", "--test-coverage-exclude=lib/contract/generated/**"]
  : [];
// Hundreds of processes load the same files: Node keeps them stripped of types and compiled. Coverage would be less precise with that.
const compiled = coverage.length === 0 ? { NODE_COMPILE_CACHE: join(ROOT, ".keystead/compile-cache") } : {};
step(
  "tests",
  process.execPath,
  ["--disable-warning=ExperimentalWarning", "--test", "--test-concurrency=2", "--test-timeout=600000", ...coverage, ...files],
  { PATH: path, ...compiled, ...(flags.includes("--soak") ? { KEYSTEAD_SOAK: "true" } : {}) },
);
