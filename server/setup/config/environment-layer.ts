/**
 * The environment as layers of configuration. `HSM_A__B` is the canonical spelling of `a.b`; `APP__A__B` and
 * `FERROHSM_A__B` are older ones and give way to it. A few single names are read too; they are in one table each.
 *
 * HSM_PIN, HSM_PASSWORD and HSM_MASTER_KEY are secrets and never override a key. One that is set but empty stops
 * the start, because an operator who set it meant something by it.
 */
import type { Layer } from "./layer.ts";
import type { Mistake } from "./mistake.ts";
import { type Tree, withValue } from "./tree.ts";
import { valueOfText } from "./text-value.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that hold secrets, and the key whose reference they become (if any). */
const SECRETS: Readonly<Record<string, readonly string[] | undefined>> = {
  FERROHSM_HMAC_KEY: ["unseal", "hmac_key"],
  FERROHSM_MASTER_KEY: ["unseal", "master_key"],
  HSM_MASTER_KEY: ["unseal", "master_key"],
  HSM_PASSWORD: undefined,
  HSM_PIN: undefined,
};

/** Single names that stand for a key; later rows win. */
const SINGLE_NAMES: Readonly<Record<string, readonly string[]>> = {
  KEYSTEAD_DATA: ["storage", "data_dir"],
  FERROHSM_KEY_STORE: ["storage", "backend"],
  FERROHSM_AUDIT_LOG: ["security", "audit_log_path"],
  FERROHSM_CERT: ["server", "tls_cert_path"],
  FERROHSM_KEY: ["server", "tls_key_path"],
  APP__PRESET: ["preset"],
  HSM_PRESET: ["preset"],
};

/** FerroHSM variables that its clients read; the server has nothing to do with them. */
const CLIENT_NAMES = new Set(["FERROHSM_AUTH_TOKEN", "FERROHSM_JWT_SECRET"]);

/** Prefixes of `A__B` names, lowest first. */
const PREFIXES = ["FERROHSM_", "APP__", "HSM_"] as const;

export interface ReadEnvironment {
  /** Lowest first; at most one per spelling. */
  readonly layers: readonly Layer[];
  readonly mistakes: readonly Mistake[];
}

interface Entry {
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/** A layer of entries, each placed at its variable. */
function layerOf(entries: readonly Entry[]): Layer[] {
  if (entries.length === 0) return [];
  const tree = entries.reduce((built: Tree, { path, value }) => withValue(built, path, value), {});
  const placeOf = (path: readonly (string | number)[]) => {
    const entry = entries.findLast((candidate) => candidate.path.every((name, at) => at >= path.length || name === path[at]));
    return { source: entry === undefined ? "environment" : `environment variable ${entry.variable}` };
  };
  return [{ tree, placeOf }];
}

/** Variables set but empty that should hold a secret. */
function emptySecrets(env: Environment): Mistake[] {
  return Object.keys(SECRETS)
    .filter((name) => env[name] === "")
    .map((name) => ({
      place: { source: `environment variable ${name}` },
      key: "",
      problem: "it is set but empty",
      remedy: "give it the secret, or unset it",
    }));
}

/** `HSM_SERVER__PORT` as `["server", "port"]`, or undefined when the name is no override. */
function pathOf(name: string, prefix: string): readonly string[] | undefined {
  const names = name.slice(prefix.length).toLowerCase().split("__");
  return names.length > 1 && names.every((part) => part !== "") ? names : undefined;
}

/** Reads the environment; nothing in it is changed and no secret's value is kept. */
export function readEnvironmentLayers(env: Environment): ReadEnvironment {
  const mistakes = emptySecrets(env);
  const secrets = Object.entries(SECRETS).flatMap(([variable, path]): Entry[] =>
    path !== undefined && (env[variable] ?? "") !== "" ? [{ variable, path, value: `env:${variable}` }] : [],
  );
  const single = Object.entries(SINGLE_NAMES).flatMap(([variable, path]): Entry[] =>
    env[variable] === undefined ? [] : [{ variable, path, value: valueOfText(env[variable], path) }],
  );
  for (const name of Object.keys(env)) {
    if (!name.startsWith("FERROHSM_") || name.includes("__") || name in SECRETS || name in SINGLE_NAMES || CLIENT_NAMES.has(name)) continue;
    mistakes.push({
      place: { source: `environment variable ${name}` },
      key: "",
      problem: "the server reads no such variable",
      remedy: "use HSM_SECTION__KEY, or unset it",
    });
  }
  const overrides = PREFIXES.flatMap((prefix) => {
    const entries = Object.keys(env)
      .sort()
      .flatMap((variable): Entry[] => {
        const path = variable.startsWith(prefix) && !(variable in SINGLE_NAMES) ? pathOf(variable, prefix) : undefined;
        return path === undefined ? [] : [{ variable, path, value: valueOfText(env[variable] ?? "", path) }];
      });
    return layerOf(entries);
  });
  return { layers: [...layerOf(secrets), ...layerOf(single), ...overrides], mistakes };
}
