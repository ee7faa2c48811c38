/** `keystead keys delete`: destroys every version of a key, after asking. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";

export function keysDelete(parent: Command, run: Run): void {
  leaf<{ readonly yes?: boolean }>(parent, run, {
    usage: "delete <key>",
    summary: "Destroy every version of a key, for good",
    notes: "Whatever was encrypted with the key is lost. The name stays taken. Without a terminal, --yes is required.",
    examples: ["keystead keys delete old-release", "keystead keys delete old-release --yes --json"],
    options: (command) => command.option("--yes", "do not ask"),
    body: async (context, options, [keyId = ""]) => {
      await confirm(`Destroy every version of the key '${keyId}'? What it encrypted is lost for good.`, options.yes, context.shell);
      const answer = await (await context.connect()).deleteKey({ keyId });
      await context.print(answer, () => `${answer.keyId} is destroyed\n`);
    },
  });
}
