/**
 * Commands that other parts carry out: keystead.cjs starts them before this program is reached. They stand here so
 * that `--help` and completion know them.
 */
import type { Command } from "commander";
import { group, leaf, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { configHistory } from "./config-history.ts";

interface Elsewhere {
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly options: readonly (readonly [flags: string, description: string])[];
}

const CONFIG = ["--config <file>", "YAML configuration"] as const;
const START = [
  CONFIG,
  ["--preset <name>", "development, production or test"],
  ["--data-dir <folder>", "where data is kept"],
  ["--set <key=value>", "set one configuration key"],
] as const;

const SERVER: Elsewhere = {
  usage: "server",
  summary: "Start the server (also as hsm-server)",
  examples: ["keystead server --config /etc/hsm/config.yaml", "keystead server --config /etc/hsm/config.yaml --validate"],
  options: [...START, ["--validate", "only check the configuration"]],
};
const DEV: Elsewhere = {
  usage: "dev",
  summary: "Start a development server on this machine",
  examples: ["keystead dev", "keystead dev --data-dir ./data"],
  options: START.filter(([flags]) => !flags.startsWith("--preset")),
};
const VALIDATE: Elsewhere = {
  usage: "validate",
  summary: "Check a configuration and show every mistake at once",
  examples: ["keystead config validate --config keystead.yaml"],
  options: [CONFIG],
};
const SHOW: Elsewhere = {
  usage: "show",
  summary: "Show the effective configuration",
  examples: ["keystead config show --config keystead.yaml"],
  options: [CONFIG],
};
const AUDIT_VERIFY: Elsewhere = {
  usage: "verify",
  summary: "Check an audit log offline and name the first bad event",
  examples: ["keystead audit verify --data-dir ./data", "keystead audit verify --log ./audit --key log.key --checkpoint kept.checkpoint"],
  options: [
    ["--data-dir <folder>", "data folder of the server"],
    ["--log <path>", "the log alone: its path without the segments' numbers"],
    ["--key <key>", "the log's public key, or a file with it: signatures of checkpoints are checked"],
    ["--checkpoint <file>", "a checkpoint kept elsewhere, which the log must continue"],
    ["--archive <folder>", "where segments were moved to; without it the audit key leads across them"],
    ["--json", "the report as JSON"],
  ],
};
const STORE_VERIFY: Elsewhere = {
  usage: "verify",
  summary: "Check every stored record offline",
  examples: ["keystead store verify --data-dir ./data"],
  options: [["--data-dir <folder>", "data folder of the server"]],
};
const VERIFY_SHREDDING: Elsewhere = {
  usage: "verify-shredding <name>",
  summary: "Prove offline that a deleted namespace was destroyed, from the audit log and the retention ledger",
  examples: ["keystead namespaces verify-shredding old-shop --data-dir ./data"],
  options: [["--data-dir <folder>", "data folder of the server"]],
};

const SELFTEST: Elsewhere = {
  usage: "selftest",
  summary: "Run the self-tests of every start, without a server",
  examples: ["keystead selftest", "keystead selftest --generate"],
  options: [["--generate", "also make a key of every algorithm and test that its halves fit"]],
};

function add(parent: Command, run: Run, { usage, summary, examples, options }: Elsewhere): void {
  leaf(parent, run, {
    usage,
    summary,
    examples,
    options: (command) => options.reduce((declared, [flags, description]) => declared.option(flags, description), command),
    body: async () => {
      throw usageError(`this command is started by the keystead program itself: run \`${examples[0]}\``);
    },
  });
}

export const server = (root: Command, run: Run): void => add(root, run, SERVER);
export const dev = (root: Command, run: Run): void => add(root, run, DEV);

export function config(root: Command, run: Run): void {
  const parent = group(root, "config", "Check and show configurations, and those the server was started with");
  add(parent, run, VALIDATE);
  add(parent, run, SHOW);
  configHistory(parent, run);
}

export const selftest = (root: Command, run: Run): void => add(root, run, SELFTEST);
export const verifyShredding = (parent: Command, run: Run): void => add(parent, run, VERIFY_SHREDDING);
export const auditVerify = (parent: Command, run: Run): void => add(parent, run, AUDIT_VERIFY);
export const store = (root: Command, run: Run): void => add(group(root, "store", "Check the stored records"), run, STORE_VERIFY);
