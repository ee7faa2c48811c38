/** How one key is shown to people, and the options that describe a new one. */
import type { Command } from "commander";
import type { ExportPolicy, Key, KeyAttributes, NewKeyResponse, Revocation } from "@keystead/client/shapes";
import { USAGES, type Usage } from "@keystead/client/names";
import { attributesFrom } from "../attribute-options.ts";
import { collect } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";

export const dateText = (date: Date | undefined): string => (date === undefined ? "" : date.toISOString().replace(/\.\d+Z$/, "Z"));

const revocationText = ({ time, reason, compromiseDate, comment }: Revocation): string =>
  [
    dateText(time),
    reason ?? "no reason given",
    ...(compromiseDate === undefined ? [] : [`compromised since ${dateText(compromiseDate)}`]),
    ...(comment === "" ? [] : [comment]),
  ].join(", ");

/** What the current version came from, as `id@vN`. */
const derivedFrom = (key: Key): string => key.versions.find(({ version }) => version === key.version)?.derivedFrom ?? "";

export function keyFacts(context: Context, key: Key): string {
  return context.facts([
    ["key", key.keyId],
    ["namespace", key.namespace],
    ["algorithm", key.algorithm],
    ["state", key.state],
    ["version", String(key.version)],
    ["usage", key.usage.join(", ")],
    ["exportable", key.exportable ?? "never"],
    ...(key.sessionKey === true ? [["session key", "yes"] as const] : []),
    ...(key.tags.length === 0 ? [] : [["tags", key.tags.join(", ")] as const]),
    ...(key.description === "" ? [] : [["description", key.description] as const]),
    ...(derivedFrom(key) === "" ? [] : [["derived from", derivedFrom(key)] as const]),
    ["created", dateText(key.createdAt)],
    ["updated", dateText(key.updatedAt)],
    ...(key.attributes?.endDate === undefined ? [] : [["ends", dateText(key.attributes.endDate)] as const]),
    ...(key.revocation === undefined ? [] : [["revoked", revocationText(key.revocation)] as const]),
    ...(key.lastUsedAt === undefined ? [] : [["last used", dateText(key.lastUsedAt)] as const]),
    ...(key.purgeAt === undefined ? [] : [["to be destroyed", dateText(key.purgeAt)] as const]),
  ]);
}

/** Keys as lines of a table. */
export const keyTable = (context: Context, keys: readonly Key[]): string =>
  context.table(
    ["key", "algorithm", "state", "version", "created", "tags"],
    keys.map((key) => [key.keyId, key.algorithm, key.state, String(key.version), dateText(key.createdAt), key.tags.join(",")]),
  );

/** A new key: its facts, then its public half. */
export const printNewKey = (context: Context, answer: NewKeyResponse): Promise<void> =>
  context.print(answer, () => keyFacts(context, answer.key) + (answer.publicKey === "" ? "" : `\n${answer.publicKey.trimEnd()}\n`));

export interface NewKeyOptions {
  readonly usage?: readonly string[];
  readonly tag?: readonly string[];
  readonly description?: string;
  readonly exportable?: string;
  readonly attribute?: readonly string[];
  readonly staged?: boolean;
  readonly sessionKey?: boolean;
}

export const newKeyOptions = (command: Command): Command =>
  command
    .option(
      "--usage <usage>",
      `what it may be used for: ${USAGES.join(", ")}; repeat or separate by commas (default: everything the algorithm can do but wrap and unwrap, which exclude the rest)`,
      collect,
    )
    .option("--tag <tag>", "a tag; repeat for more", collect)
    .option("--description <text>", "a description")
    .option("--staged", "make it staged: not usable before `keystead keys activate` or its start date")
    .option("--attribute <name=value>", "an attribute, such as label=... or end_date=2030-12-31; repeat for more", collect)
    .option("--exportable <policy>", "never, wrapped (only encrypted under another key) or plain; never looser afterwards (default: never)")
    .option("--session-key", "keep it in the vault's memory alone: nobody else has it, and it ends with the login that made it");

/** The options as request fields. */
export function newKeyFields({ usage, tag, description, exportable, attribute, staged, sessionKey }: NewKeyOptions): {
  usage?: readonly Usage[];
  tags?: readonly string[];
  description?: string;
  exportable?: ExportPolicy;
  attributes?: KeyAttributes;
  state?: "staged";
  sessionKey?: true;
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
    ...(attribute && { attributes: attributesFrom("--attribute", attribute) }),
    ...(staged === true && { state: "staged" as const }),
    ...(exportable !== undefined && { exportable: exportable as ExportPolicy }),
    ...(sessionKey === true && { sessionKey }),
  };
}
