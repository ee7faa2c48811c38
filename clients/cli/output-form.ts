/**
 * The form of what is printed: a table for people, or one document for programs, as JSON or YAML.
 *
 * Both documents have the same members (json-text.ts). YAML is quoted so that whatever reads it, by version 1.1 or 1.2, reads
 * the same texts and numbers.
 */
import type { GlobalOptions } from "./global-options.ts";
import { jsonText, jsonValue } from "./json-text.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

export const OUTPUT_FORMS = ["table", "json", "yaml"] as const;
export type OutputForm = (typeof OUTPUT_FORMS)[number];

/**
 * The form that was asked for: `--output` or `--json`, then KEYSTEAD_OUTPUT, then the table.
 *
 * @throws {HsmError} INVALID_REQUEST  there is no such form, or two were asked for
 */
export function outputForm({ json, output }: Pick<GlobalOptions, "json" | "output">, { env }: Pick<Shell, "env">): OutputForm {
  if (json === true && output !== undefined && output !== "json") throw usageError("--json and --output say different things");
  if (json === true) return "json";
  const [said, where] = output === undefined ? [env["KEYSTEAD_OUTPUT"] || "table", "KEYSTEAD_OUTPUT"] : [output, "--output"];
  const form = OUTPUT_FORMS.find((one) => one === said);
  if (form === undefined) throw usageError(`${where}: '${said}' is not one of ${OUTPUT_FORMS.join(", ")}`);
  return form;
}

/** `value` as one document, with a line ending. */
export async function documentText(value: unknown, form: "json" | "yaml"): Promise<string> {
  return form === "json" ? jsonText(value) : yamlText(value);
}

/** `value` as one document of many that follow each other: a line of JSON, or YAML behind `---`. */
export async function followingText(value: unknown, form: "json" | "yaml"): Promise<string> {
  return form === "json" ? `${JSON.stringify(jsonValue(value))}\n` : `---\n${await yamlText(value)}`;
}

async function yamlText(value: unknown): Promise<string> {
  const { stringify } = await import("yaml"); // only now: it is large
  return stringify(jsonValue(value), { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false });
}
