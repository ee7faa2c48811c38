/** `keystead namespaces`: make and list namespaces. */
import type { Command } from "commander";
import { group, leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";

export function namespaces(root: Command, run: Run): void {
  const parent = group(root, "namespaces", "Create and list namespaces");
  leaf<{ readonly description?: string; readonly maxKeys?: number }>(parent, run, {
    usage: "create <name>",
    summary: "Make a namespace with a key-encryption key of its own",
    examples: ["keystead namespaces create payments --description 'card payments' --max-keys 500"],
    options: (command) =>
      command
        .option("--description <text>", "a description")
        .option("--max-keys <number>", "most keys it may hold (default: no limit)", wholeNumber("--max-keys", 0, 2 ** 32 - 1)),
    body: async (context, options, [namespace = ""]) => {
      const made = await (
        await context.connect()
      ).createNamespace({ namespace, description: options.description, maxKeys: options.maxKeys });
      await context.print(made, () =>
        context.facts([
          ["namespace", made.namespace],
          ["description", made.description],
          ["max keys", made.maxKeys === 0 ? "no limit" : String(made.maxKeys)],
          ["created", dateText(made.createdAt)],
        ]),
      );
    },
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List the namespaces you may see",
    examples: ["keystead namespaces list"],
    body: async (context) => {
      const all = await (await context.connect()).listNamespaces();
      await context.print({ namespaces: all }, () =>
        context.table(
          ["namespace", "max keys", "created", "description"],
          all.map((one) => [one.namespace, one.maxKeys === 0 ? "no limit" : String(one.maxKeys), dateText(one.createdAt), one.description]),
        ),
      );
    },
  });
}
