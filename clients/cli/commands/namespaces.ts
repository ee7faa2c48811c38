/** `keystead namespaces`: make and list namespaces, and what is done with them later. */
import type { Command } from "commander";
import { group, leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { namespacesCancelDelete, namespacesDelete, namespacesPurge } from "./namespaces-delete.ts";
import { verifyShredding } from "./dispatched.ts";
import { dateText } from "./key-facts.ts";
import { namespaceFacts } from "./namespace-facts.ts";
import { namespacesResume, namespacesShow, namespacesSuspend, namespacesUpdate } from "./namespaces-change.ts";

export function namespaces(root: Command, run: Run): void {
  const parent = group(root, "namespaces", "Create, list and change namespaces");
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
      await context.print(made, () => namespaceFacts(context, made));
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
          ["namespace", "state", "max keys", "created", "description"],
          all.map((one) => [
            one.namespace,
            one.state.replaceAll("_", " "),
            one.maxKeys === 0 ? "no limit" : String(one.maxKeys),
            dateText(one.createdAt),
            one.description,
          ]),
        ),
      );
    },
  });
  for (const add of [namespacesShow, namespacesUpdate, namespacesSuspend, namespacesResume]) add(parent, run);
  for (const add of [namespacesDelete, namespacesCancelDelete, namespacesPurge, verifyShredding]) add(parent, run);
}
