/** `keystead keys copy`: makes another key of the same material. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { newKeyFields, newKeyOptions, printNewKey, type NewKeyOptions } from "./key-facts.ts";

export function keysCopy(parent: Command, run: Run): void {
  leaf<NewKeyOptions & { readonly id?: string }>(parent, run, {
    usage: "copy <key>",
    summary: "Make another key of the same material",
    notes:
      "What is left out is as it is of KEY. A copy is never weaker: it has no usage that KEY has not, and leaves the vault in no\nway that KEY does not. Tags are added to those of KEY.",
    examples: ["keystead keys copy release --id release-verify --usage verify"],
    options: (command) => newKeyOptions(command.option("--id <id>", "the new key's name (default: chosen by the vault)")),
    body: async (context, options, [keyId = ""]) => {
      const keystead = await context.connect();
      await printNewKey(context, await keystead.copyKey({ keyId, newKeyId: options.id, ...newKeyFields(options) }));
    },
  });
}
