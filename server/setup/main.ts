/**
 * `keystead [setup]`: reads and checks the configuration, makes the local files of the development and test presets,
 * prints the effective configuration as one JSON document, and ends.
 *
 * Arguments are those of `keystead server`. The document goes to descriptor 3 when the parent opened one, otherwise
 * to standard output. `--validate` only checks; `--show` checks and prints for people; neither writes anything.
 * Ends with 0, or with 2 after every mistake was printed on standard error.
 */
import { VERSION } from "@keystead/contract/version";
import { fstatSync, readFileSync, writeSync } from "node:fs";
import { asHsmError } from "@keystead/contract/errors";
import { readCommandLine, serverHelp } from "./config/flag-layer.ts";
import { loadConfig } from "./config/load.ts";
import { sentence } from "./config/mistake.ts";
import { provision } from "./provision/provision.ts";

/** Descriptor 3 when it was handed in; Node's own descriptors are neither pipes nor files. */
function outputDescriptor(): number {
  try {
    const stat = fstatSync(3);
    return stat.isSocket() || stat.isFIFO() || stat.isFile() ? 3 : 1;
  } catch {
    return 1;
  }
}

/** Writes all of a text, however the descriptor splits or delays it. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** What a file says; undefined when it cannot be read, of which whoever needs it will speak. */
function textOf(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  process.title = "keystead [setup]";
  if (readCommandLine(process.argv.slice(2)).purpose === "help") {
    writeAll(1, serverHelp());
    return 0;
  }
  const { purpose, config, mistakes } = loadConfig({ args: process.argv.slice(2), env: process.env, cwd: process.cwd() });
  if (config === undefined) {
    const count = mistakes.length === 1 ? "one mistake" : `${mistakes.length} mistakes`;
    writeAll(2, `keystead: ${count} in the configuration\n${mistakes.map((mistake) => `  ${sentence(mistake)}\n`).join("")}`);
    return 2;
  }
  if (purpose === "validate") {
    writeAll(1, `The configuration is valid (preset ${config.vault.preset}).\n`);
    return 0;
  }
  if (purpose === "show") {
    writeAll(1, `${JSON.stringify(config, null, 2)}\n`);
    return 0;
  }
  // What the vault keeps a history of: all that has an effect, and not what is only said.
  const { notices: _, ...recorded } = config;
  const provisioned = await provision(config);
  // Of the first policy's file the configuration has the name alone: what it says later is no change of anything.
  const vault = { ...provisioned.vault, firstPolicyText: textOf(config.vault.firstPolicyPath) };
  writeAll(outputDescriptor(), `${JSON.stringify({ ...provisioned, vault, recorded: JSON.stringify(recorded), version: VERSION })}\n`);
  return 0;
}

process.exitCode = await main().catch((thrown: unknown) => {
  const { detail, cause } = asHsmError(thrown);
  const reason = cause instanceof Error ? ` (${(cause as NodeJS.ErrnoException).code ?? cause.message})` : "";
  writeAll(2, `keystead: setup failed: ${detail}${reason}\n`);
  return 2;
});
