/** `keystead keys rollback`: promotes an older version. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { printNewKey } from "./key-facts.ts";

export function keysRollback(parent: Command, run: Run): void {
  leaf<{ readonly reason?: string }>(parent, run, {
    usage: "rollback <key> <version>",
    summary: "Make an older version's material current again, as a new version",
    notes: "The new version has a number of its own, so that what was made before and after can be told apart.",
    examples: ["keystead keys rollback release 3 --reason 'version 4 is not trusted by the old devices yet'"],
    options: (command) => command.option("--reason <text>", "why"),
    body: async (context, options, [keyId = "", text = ""]) => {
      const version = wholeNumber("<version>", 1, 2 ** 32 - 1)(text);
      await printNewKey(context, await (await context.connect()).rollbackKey({ keyId, version, reason: options.reason }));
    },
  });
}
