/**
 * Pages made from the schema, the presets and the table of what is not built: `docs/reference/configuration.md` and
 * the shipped `config/<preset>.yaml`. Tests compare the committed files with these functions.
 */
import { stringify } from "yaml";
import type { Preset } from "@keystead/contract/config";
import { FLAGS } from "./flag-layer.ts";
import { NOT_BUILT } from "./not-built.ts";
import { PRESET_LAYERS } from "./presets.ts";
import { allKeys } from "./schema-walk.ts";
import { type Tree, isTree, overlay, valueAt } from "./tree.ts";

export const PRESETS: readonly Preset[] = ["development", "production", "test"];

/** All defaults of a preset, as one tree. */
export function presetTree(preset: Preset): Tree {
  return PRESET_LAYERS[preset].reduce<Tree>((below, layer) => overlay(below, layer), {});
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** A default in the table: short values as they are, lists of sections by their length. */
function shownDefault(value: unknown): string {
  if (value === undefined) return "";
  const text = JSON.stringify(value);
  if (Array.isArray(value) && value.some((entry) => isTree(entry))) return `${value.length} entry, see config/`;
  return `\`${cell(text)}\``;
}

/** The reference page: every key, what it takes, its default in each preset, and what is refused. */
export function renderConfigReference(): string {
  const trees = PRESETS.map((preset) => presetTree(preset));
  const rows = allKeys().map(({ key, meta }) => {
    const path = key.replace("namespaces.*", "namespaces.default").split(".");
    const defaults = key.includes("[]") ? ["", "", ""] : trees.map((tree) => shownDefault(valueAt(tree, path)));
    return `| \`${key}\` | ${cell(meta.description)} | ${cell(meta.expects)} | ${defaults.join(" | ")} |`;
  });
  const refused = NOT_BUILT.map(
    ({ key, built, problem, remedy }) =>
      `| \`${key}\` | ${built === undefined ? "any" : `anything but ${built.map((value) => `\`${JSON.stringify(value)}\``).join(", ")}`} | ${problem}; ${remedy} |`,
  );
  const flags = Object.entries(FLAGS).map(([flag, key]) => `| \`${flag}\` | \`${key}\` |`);
  return `# Configuration

Made from the schema by \`server/setup/config/reference.ts\`; do not edit by hand.

Layers, lowest first: the preset's defaults, \`config/default.yaml\` (or \`.yml\`, \`.json\`) in the working directory, the
file of \`--config\`, the environment, the flags. Sections join; lists and values replace.

- Environment: \`HSM_SERVER__PORT=50051\` sets \`server.port\`. \`APP__SERVER__PORT\` and \`FERROHSM_SERVER__PORT\` mean the
  same and give way to it. \`KEYSTEAD_DATA\` sets \`storage.data_dir\`. Lists are written \`a,b\` or as YAML.
- Durations: a number of seconds, or \`500ms\`, \`30s\`, \`5m\`, \`2h\`, \`90d\`.
- Paths are relative to the working directory; \`{data_dir}\` at the start of one is \`storage.data_dir\`.
- Secrets are references: \`file:/path\`, \`env:NAME\`, \`fd:N\`. \`HSM_MASTER_KEY\` in the environment means
  \`unseal.master_key: env:HSM_MASTER_KEY\`. HSM_PIN, HSM_PASSWORD and HSM_MASTER_KEY must not be set to nothing.
- \`keystead server --config FILE --validate\` prints every mistake with its file and line.

## Keys

| Key | Meaning | Value | development | production | test |
|---|---|---|---|---|---|
${rows.join("\n")}

## Refused until built

| Key | Refused | Why |
|---|---|---|
${refused.join("\n")}

## Flags

| Flag | Key |
|---|---|
${flags.join("\n")}
| \`--set KEY=VALUE\` | any |
`;
}

/** The shipped file of a preset: its defaults, each with its description. */
export function renderPresetFile(preset: Preset): string {
  const described = new Map(allKeys().map(({ key, meta }) => [key, meta.description]));
  const lines: string[] = [
    `# The ${preset} preset: every key with the value it has when nobody sets it. Copy what you change.`,
    "# Made from the schema by server/setup/config/reference.ts. Keys: docs/reference/configuration.md",
  ];
  const write = (tree: Tree, path: readonly string[]): void => {
    for (const [name, value] of Object.entries(tree)) {
      const key = [...path, name].join(".").replace(/^namespaces\.[^.]+/, "namespaces.*");
      const indent = "  ".repeat(path.length);
      if (path.length === 0) lines.push("");
      if (isTree(value) && Object.keys(value).length > 0) {
        lines.push(`${indent}${name}:`);
        write(value, [...path, name]);
        continue;
      }
      const description = described.get(key);
      if (description !== undefined) lines.push(`${indent}# ${description}`);
      const flow = typeof value === "object" && value !== null && !(Array.isArray(value) && value.some((entry) => isTree(entry)));
      const text = stringify({ [name]: value }, { lineWidth: 0, ...(flow ? { collectionStyle: "flow" as const } : {}) }).trimEnd();
      const body = flow ? `${name}: ${stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd()}` : text;
      lines.push(...body.split("\n").map((line) => indent + line));
    }
  };
  const { preset: name, ...rest } = presetTree(preset);
  write({ preset: name, ...rest }, []);
  return `${lines.join("\n")}\n`;
}
