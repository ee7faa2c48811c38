/**
 * Configuration from all its layers, lowest first: preset, `config/default.*` in the working directory, the file of
 * `--config`, environment, flags. The result is either a configuration or every mistake there is.
 */
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { EffectiveConfig, Preset } from "@keystead/contract/config";
import { checkLayer } from "./check-layer.ts";
import { effectiveConfig } from "./effective.ts";
import { type Environment, readEnvironmentLayers } from "./environment-layer.ts";
import { type Purpose, readCommandLine } from "./flag-layer.ts";
import { type Layer, placeOfEffective } from "./layer.ts";
import { type Mistake, dotted } from "./mistake.ts";
import { PRESET_LAYERS } from "./presets.ts";
import { missingFiles } from "./referenced-files.ts";
import { readRetentionFile } from "./retention-file.ts";
import type { Finding } from "./finding.ts";
import { brokenRules } from "./rules.ts";
import { configSchema } from "./schema.ts";
import type { KeyPath } from "./schema-walk.ts";
import { type Tree, overlay, valueAt, withoutValue } from "./tree.ts";
import { readYamlLayer } from "./yaml-layer.ts";

export interface Surroundings {
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
}

export type Loaded =
  | { readonly purpose: Purpose; readonly config: EffectiveConfig; readonly mistakes: readonly [] }
  | { readonly purpose: Purpose; readonly config: undefined; readonly mistakes: readonly Mistake[] };

/** Files looked for in the working directory without being named. */
const DEFAULT_FILES = ["default.yaml", "default.yml", "default.json"] as const;

/** The layers that people wrote, lowest first, and what could not be read. */
function readLayers(
  configPath: string | undefined,
  { env, cwd }: Surroundings,
): { layers: Layer[]; mistakes: Mistake[]; unreadable: boolean } {
  const found = DEFAULT_FILES.map((name) => join(cwd, "config", name)).filter((path) => existsSync(path));
  const mistakes: Mistake[] = found.slice(1).map((path) => ({
    place: { source: relative(cwd, path) },
    key: "",
    problem: "there is another config/default.* beside it",
    remedy: "keep one",
  }));
  const files = [...found.slice(0, 1), ...(configPath === undefined ? [] : [resolve(cwd, configPath)])].map((path) => readYamlLayer(path));
  const environment = readEnvironmentLayers(env);
  const layers = [...files.flatMap(({ layer }) => (layer === undefined ? [] : [layer])), ...environment.layers];
  return {
    layers,
    unreadable: files.some(({ layer }) => layer === undefined),
    mistakes: [...mistakes, ...files.flatMap((file) => file.mistakes), ...environment.mistakes],
  };
}

/** The preset that the highest layer names; production without any. */
function presetOf(layers: readonly Layer[]): Preset {
  const named = layers
    .map(({ tree }) => valueAt(tree, ["preset"]))
    .findLast((preset) => typeof preset === "string" && Object.hasOwn(PRESET_LAYERS, preset));
  return (named as Preset | undefined) ?? "production";
}

/** One layer over another, where a secret of one kind takes the place of the other kind below it. */
function merge(lower: Tree, upper: Tree): Tree {
  const own = (name: string) => valueAt(upper, ["unseal", name]) !== undefined;
  const replaced = own("method") ? [] : own("passphrase") ? ["method", "master_key"] : own("master_key") ? ["method", "passphrase"] : [];
  const unseal = Object.entries((valueAt(lower, ["unseal"]) ?? {}) as Tree).filter(([name]) => !replaced.includes(name));
  return overlay({ ...lower, unseal: Object.fromEntries(unseal) }, upper);
}

/** The layer without the keys it has wrong, so that everything else can still be checked together. */
function withoutMistakes(layer: Layer): Layer {
  const wrong = checkLayer(layer).map(({ path }) => path);
  return { ...layer, tree: wrong.reduce((tree, path) => withoutValue(tree, path), layer.tree) };
}

/** `auth.jwt.key_sets[0].path` as a path. */
function pathOf(key: string): KeyPath {
  return key
    .split(/[.[\]]+/)
    .filter((name) => name !== "")
    .map((name) => (/^[0-9]+$/.test(name) ? Number(name) : name));
}

/** Reads, merges and checks. Nothing is written and no secret's value is read. */
export function loadConfig(surroundings: Surroundings): Loaded {
  const commandLine = readCommandLine(surroundings.args);
  const { purpose } = commandLine;
  const read = readLayers(commandLine.configPath, surroundings);
  const layers = [...read.layers, commandLine.layer];
  const mistakes = [...commandLine.mistakes, ...read.mistakes, ...layers.flatMap((layer) => checkLayer(layer))];

  const preset = presetOf(layers);
  // Without the content of a file, or without its preset, what keys mean together cannot be told.
  if (read.unreadable || mistakes.some(({ key }) => key === "preset")) return { purpose, config: undefined, mistakes };
  const presetLayers = PRESET_LAYERS[preset].map((tree): Layer => ({ tree, placeOf: () => ({ source: `preset ${preset}` }) }));
  const all = [...presetLayers, ...layers.map((layer) => withoutMistakes(layer))];
  const merged = configSchema.safeParse(all.reduce<Tree>((below, { tree }) => merge(below, tree), {}));
  const located = (findings: readonly Finding[]) =>
    findings.map((found): Mistake => ({ ...found, place: placeOfEffective(all, pathOf(found.key)) }));
  if (!merged.success) {
    const findings = merged.error.issues.map(({ path, message }) => ({
      key: dotted(path as KeyPath),
      problem: message,
      remedy: "correct it",
    }));
    return { purpose, config: undefined, mistakes: [...mistakes, ...located(findings)] };
  }
  const config = effectiveConfig(merged.data, surroundings.cwd);
  for (const mistake of located([...brokenRules(merged.data), ...missingFiles(config, surroundings.env)])) {
    if (!mistakes.some(({ key }) => key === mistake.key)) mistakes.push(mistake);
  }
  const path = config.vault.lifecycle.retentionFilePath;
  const retention = path === undefined ? undefined : readRetentionFile(path);
  mistakes.push(...(retention?.mistakes ?? []));
  if (mistakes.length === 0 && retention?.file !== undefined) {
    const lifecycle = { ...config.vault.lifecycle, retentionFile: retention.file };
    return { purpose, config: { ...config, vault: { ...config.vault, lifecycle } }, mistakes: [] };
  }
  return mistakes.length === 0 ? { purpose, config, mistakes: [] } : { purpose, config: undefined, mistakes };
}
