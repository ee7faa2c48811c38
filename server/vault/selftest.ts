/**
 * `keystead selftest [--json]`: the self-tests of every start, without a server, and pair-wise consistency of a fresh
 * key of every algorithm on request (`--generate`; RSA-4096 and some post-quantum keys take seconds).
 *
 * Reads no configuration and no data. Ends with 0 when everything passes, 10 when something does not, 2 for wrong
 * arguments.
 */
import { parseArgs } from "node:util";
import { ALGORITHM_NAMES } from "@keystead/contract/algorithms";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { consistent } from "@keystead/crypto/self-tests/consistency";
import { runSelfTests } from "@keystead/crypto/self-tests/run";

process.title = "keystead [selftest]";

interface Row {
  readonly name: string;
  readonly kind: string;
  readonly source: string;
  readonly passed: boolean;
  readonly durationUs: number;
}

async function generated(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of ALGORITHM_NAMES) {
    const before = performance.now();
    const mechanism = mechanismFor(name);
    let passed = false;
    try {
      passed = await consistent(mechanism, await mechanism.generate());
    } catch {
      // A key that cannot even be made has failed.
    }
    const durationUs = Math.round((performance.now() - before) * 1000);
    rows.push({ name, kind: "consistency", source: "FIPS 140-3 IG 10.3.A", passed, durationUs });
  }
  return rows;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { json: { type: "boolean", default: false }, generate: { type: "boolean", default: false } },
  });
  const report = await runSelfTests();
  const results: readonly Row[] = [...report.results, ...(values.generate ? await generated() : [])];
  const failed = results.filter(({ passed }) => !passed);
  if (values.json) {
    const rows = results.map(({ name, kind, source, passed, durationUs }) => ({ name, kind, source, passed, duration_us: durationUs }));
    process.stdout.write(`${JSON.stringify({ passed: failed.length === 0, duration_us: report.durationUs, results: rows })}\n`);
  } else {
    const width = Math.max(...results.map(({ name }) => name.length));
    for (const { name, source, passed, durationUs } of results)
      process.stdout.write(
        `${passed ? "ok    " : "FAILED"}  ${name.padEnd(width)}  ${(durationUs / 1000).toFixed(1).padStart(8)} ms  ${source}\n`,
      );
    process.stdout.write(
      `${failed.length === 0 ? "Passed" : "FAILED"}: ${results.length - failed.length} of ${results.length} self-tests.\n`,
    );
  }
  return failed.length === 0 ? 0 : 10;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`keystead: ${(error as Error).message}\nusage: keystead selftest [--generate] [--json]\n`);
    process.exitCode = 2;
  },
);
