/** `keystead keys update`: changes what is said about a key. */
import type { Command } from "commander";
import { collect, leaf, type Run } from "../command-tree.ts";
import { keyFacts } from "./key-facts.ts";

export function keysUpdate(parent: Command, run: Run): void {
  leaf<{ readonly description?: string; readonly tag?: readonly string[]; readonly removeTag?: readonly string[] }>(parent, run, {
    usage: "update <key>",
    summary: "Change the description and the tags of a key",
    examples: ["keystead keys update release --description 'signs releases' --tag team:build --remove-tag team:qa"],
    options: (command) =>
      command
        .option("--description <text>", "the new description")
        .option("--tag <tag>", "a tag to add; repeat for more", collect)
        .option("--remove-tag <tag>", "a tag to remove; repeat for more", collect),
    body: async (context, { description, tag, removeTag }, [keyId = ""]) => {
      const answer = await (await context.connect()).updateKey({ keyId, description, addTags: tag, removeTags: removeTag });
      await context.print(answer, () => keyFacts(context, answer.key));
    },
  });
}
