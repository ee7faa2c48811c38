/** `keystead seal`: closes the vault, after asking. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";

export function seal(root: Command, run: Run): void {
  leaf<{ readonly yes?: boolean }>(root, run, {
    usage: "seal",
    summary: "Close the vault: no key can be used until it is unsealed",
    notes: "Without a terminal, --yes is required.",
    examples: ["keystead seal", "keystead seal --yes"],
    options: (command) => command.option("--yes", "do not ask"),
    body: async (context, options) => {
      await confirm("Seal the vault? Every request is refused until somebody unseals it with its secret.", options.yes, context.shell);
      const answer = await (await context.connect()).seal();
      await context.print(answer, () => `the vault is ${answer.phase}\n`);
    },
  });
}
