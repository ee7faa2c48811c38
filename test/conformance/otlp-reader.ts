/** For tests: what the OpenTelemetry Collector's own decoder makes of OTLP/JSON; a Go program in the folder of the same name. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";

const FOLDER = join(import.meta.dirname, "otlp-reader");
const BINARIES = resolve(import.meta.dirname, "../../.keystead/bin");

/** Builds the reader. @returns why not, when it cannot be */
export function buildOtlpReader(): string | false {
  mkdirSync(BINARIES, { recursive: true });
  // Made aside: another test may be running the one that is there.
  const made = join(BINARIES, `otlp-reader.${process.pid}`);
  const built = spawnSync("go", ["build", "-o", made, "."], {
    cwd: FOLDER,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, GOFLAGS: "-mod=mod" },
    timeout: 300_000,
  });
  if (built.status === 0) renameSync(made, join(BINARIES, "otlp-reader"));
  return built.status === 0 ? false : "the collector's decoder cannot be built";
}

/** Reads bodies of requests by their paths, after {@link buildOtlpReader}. */
export function readOtlp(requests: readonly { readonly path: string; readonly body: string }[]): unknown {
  const { stdout, stderr, status } = spawnSync(join(BINARIES, "otlp-reader"), { input: JSON.stringify(requests), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as unknown;
}
