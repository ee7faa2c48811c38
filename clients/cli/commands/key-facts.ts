/** How one key is shown to people, and the options that describe a new one. */
import type { Command } from "commander";
import type { ExportPolicy, Key, NewKeyResponse } from "@keystead/client/shapes";
import { USAGES, type Usage } from "@keystead/client/names";
import { collect } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";

export const dateText = (date: Date | undefined): string => (date === undefined ? "" : date.toISOString().replace(/\.\d+Z$/, "Z"));

export function keyFacts(context: Context, key: Key): string {
  return context.facts([
    ["key", key.keyId],
    ["namespace", key.namespace],
    ["algorithm", key.algorithm],
    ["state", key.state],
    ["version", String(key.version)],
    ["usage", key.usage.join(", ")],
    ["exportable", key.exportable ?? "never"],
    ...(key.tags.length === 0 ? [] : [["tags", key.tags.join(", ")] as const]),
    ...(key.description === "" ? [] : [["description", key.description] as const]),
    ["created", dateText(key.createdAt)],
    ["updated", dateText(key.updatedAt)],
  ]);
}

/** A new key: its facts, then its public half. */
export const printNewKey = (context: Context, answer: NewKeyResponse): Promise<void> =>
  context.print(answer, () => keyFacts(context, answer.key) + (answer.publicKey === "" ? "" : `\n${answer.publicKey.trimEnd()}\n`));

export interface NewKeyOptions {
  readonly usage?: readonly string[];
  readonly tag?: readonly string[];
  readonly description?: string;
  readonly exportable?: string;
}

export const newKeyOptions = (command: Command): Command =>
  command
    .option(
      "--usage <usage>",
      `what it may be used for: ${USAGES.join(", ")}; repeat or separate by commas (default: everything the algorithm can do)`,
      collect,
    )
    .option("--tag <tag>", "a tag; repeat for more", collect)
    .option("--description <text>", "a description")
    .option(
      "--exportable <policy>",
      "never, wrapped (only encrypted under another key) or plain; never looser afterwards (default: never)",
    );

/** The options as request fields. */
export function newKeyFields({ usage, tag, description, exportable }: NewKeyOptions): {
  usage?: readonly Usage[];
  tags?: readonly string[];
  description?: string;
  exportable?: ExportPolicy;
} {
  const names = usage?.flatMap((text) => text.split(",")).map((name) => name.trim().replaceAll("-", "_"));
  const wrong = names?.find((name) => !USAGES.includes(name as Usage));
  if (wrong !== undefined) throw usageError(`--usage: '${wrong}' is not one of ${USAGES.join(", ")}`);
  if (exportable !== undefined && !["never", "wrapped", "plain"].includes(exportable))
    throw usageError(`--exportable: choose one of never, wrapped, plain`);
  return {
    ...(names && { usage: names as Usage[] }),
    ...(tag && { tags: tag }),
    ...(description !== undefined && { description }),
    ...(exportable !== undefined && { exportable: exportable as ExportPolicy }),
  };
}
