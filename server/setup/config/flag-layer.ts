/**
 * The command line of `keystead server` as a layer of configuration. Every flag stands for a key; `--set key=value`
 * reaches the keys that have no flag of their own.
 *
 * @security a secret is named by reference; a value is refused without being repeated.
 */
import type { Layer } from "./layer.ts";
import { type Mistake, nearest } from "./mistake.ts";
import { type Tree, withValue } from "./tree.ts";
import { valueOfText } from "./text-value.ts";

/** Flags that take a value, and the key each stands for. */
export const FLAGS: Readonly<Record<string, string>> = {
  "--preset": "preset",
  "--host": "server.host",
  "--port": "server.port",
  "--api-port": "server.api_port",
  "--health-port": "server.health_port",
  "--metrics-port": "metrics.listen_port",
  "--data-dir": "storage.data_dir",
  "--key-store": "storage.backend",
  "--sqlite-path": "storage.sqlite_path",
  "--audit-store": "audit.store",
  "--approval-store": "approvals.store",
  "--approval-retention-days": "approvals.keep_closed_days",
  "--sync-mode": "storage.sync_mode",
  "--master-key": "unseal.master_key",
  "--hmac-key": "unseal.hmac_key",
  "--passphrase": "unseal.passphrase",
  "--tls-cert": "server.tls_cert_path",
  "--tls-key": "server.tls_key_path",
  "--tls-ca": "server.tls_ca_cert_path",
  "--log-level": "logging.level",
  "--log-format": "logging.format",
};

/** What the process is to do with the configuration. */
export type Purpose = "start" | "validate" | "show" | "help";

export interface CommandLine {
  readonly purpose: Purpose;
  /** The file of `--config`. */
  readonly configPath: string | undefined;
  readonly layer: Layer;
  readonly mistakes: readonly Mistake[];
}

/** Reads the arguments; both `--flag value` and `--flag=value` are understood. */
export function readCommandLine(args: readonly string[]): CommandLine {
  let purpose: Purpose = "start";
  let configPath: string | undefined;
  let tree: Tree = {};
  const mistakes: Mistake[] = [];
  const flagOf = new Map<string, string>();
  const seen = new Set<string>();
  const complain = (source: string, problem: string, remedy: string) => mistakes.push({ place: { source }, key: "", problem, remedy });

  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? "";
    if (argument === "--help" || argument === "-h") {
      purpose = "help";
      continue;
    }
    if (!argument.startsWith("--")) {
      complain(
        "command line",
        "there is a word that belongs to no flag",
        `the flags are ${Object.keys(FLAGS).join(", ")}, --config, --set, --validate`,
      );
      continue;
    }
    const equals = argument.indexOf("=");
    const flag = equals < 0 ? argument : argument.slice(0, equals);
    if (argument === "--validate" || argument === "--show") {
      if (purpose !== "help") purpose = flag === "--show" ? "show" : "validate";
      continue;
    }
    if (flag !== "--config" && flag !== "--set" && !Object.hasOwn(FLAGS, flag)) {
      const meant = nearest(flag, [...Object.keys(FLAGS), "--config", "--set", "--validate"]);
      complain(`flag ${flag}`, "there is no such flag", meant === undefined ? "see keystead server --help" : `did you mean ${meant}?`);
      if (equals < 0 && args[at + 1]?.startsWith("--") === false) at++;
      continue;
    }
    const value = equals < 0 ? args[++at] : argument.slice(equals + 1);
    if (value === undefined || value === "") {
      complain(`flag ${flag}`, "its value is missing", `write ${flag} VALUE`);
      continue;
    }
    if (flag !== "--set" && seen.has(flag)) complain(`flag ${flag}`, "it is given twice", "give it once");
    seen.add(flag);
    if (flag === "--config") {
      configPath = value;
      continue;
    }
    const split = value.indexOf("=");
    if (flag === "--set" && split < 1) {
      complain("flag --set", "it is not KEY=VALUE", "write --set server.port=50051");
      continue;
    }
    const key = flag === "--set" ? value.slice(0, split) : (FLAGS[flag] ?? "");
    const path = key.split(".");
    flagOf.set(key, flag);
    tree = withValue(tree, path, valueOfText(flag === "--set" ? value.slice(split + 1) : value, path));
  }
  const placeOf = (path: readonly (string | number)[]) => {
    const found = [...flagOf].findLast(([key]) => key.split(".").every((name, at) => at >= path.length || name === path[at]));
    return { source: found === undefined ? "command line" : `flag ${found[1]}` };
  };
  return { purpose, configPath, layer: { tree, placeOf }, mistakes };
}

/** What \`keystead server --help\` prints. */
export function serverHelp(): string {
  const flags: [string, string][] = [
    ["--config FILE", "configuration file (YAML)"],
    ["--validate", "check the configuration, say every mistake, and end"],
    ["--set KEY=VALUE", "set any key"],
    ...Object.entries(FLAGS).map(([flag, key]): [string, string] => [`${flag} ${key.startsWith("unseal.") ? "REFERENCE" : "VALUE"}`, key]),
  ];
  return [
    "Usage: keystead server [flags]",
    "       keystead dev [flags]          the same with the development preset",
    "",
    ...flags.map(([flag, meaning]) => `  ${flag.padEnd(26)}${meaning}`),
    "",
    "A REFERENCE is file:/path, env:NAME or fd:N.",
    "",
  ].join("\n");
}
