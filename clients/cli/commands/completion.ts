/** `keystead completion`: prints the script that teaches a shell the commands. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { completionScript, SHELLS, type ShellName } from "../completion-script.ts";
import { write } from "../shell.ts";
import { usageError } from "../usage-error.ts";

export function completion(root: Command, run: Run): void {
  leaf(root, run, {
    usage: "completion <shell>",
    summary: "Print a completion script for bash, zsh or fish",
    examples: [
      "keystead completion bash > ~/.local/share/bash-completion/completions/keystead",
      "keystead completion fish > ~/.config/fish/completions/keystead.fish",
    ],
    body: async (context, _options, [shell = ""]) => {
      if (!SHELLS.includes(shell as ShellName))
        throw usageError(`'${shell}' is not a shell this knows; choose one of ${SHELLS.join(", ")}`);
      await write(context.shell.stdout, completionScript(root, shell as ShellName));
    },
  });
}
