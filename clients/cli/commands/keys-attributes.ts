/** `keystead keys attributes`: shows the attributes of a key, or writes some. */
import type { Command } from "commander";
import { attributeTexts, attributesFrom } from "../attribute-options.ts";
import { collect, leaf, type Run } from "../command-tree.ts";

export function keysAttributes(parent: Command, run: Run): void {
  leaf<{ readonly set?: readonly string[] }>(parent, run, {
    usage: "attributes <key>",
    summary: "Show the attributes of a key, or write some of them",
    notes: "Read-only ones cannot be written by anyone; `sensitive` can only become true, `extractable` and `modifiable` only false.",
    examples: ["keystead keys attributes release", "keystead keys attributes release --set label='Release key' --set end_date=2030-12-31"],
    options: (command) => command.option("--set <name=value>", "write an attribute; repeat for more", collect),
    body: async (context, { set }, [keyId = ""]) => {
      const keystead = await context.connect();
      const key =
        set === undefined
          ? await keystead.getKey({ keyId })
          : (await keystead.setAttributes({ keyId, attributes: attributesFrom("--set", set) })).key;
      await context.print(key, () => context.facts(attributeTexts(key.attributes ?? {})));
    },
  });
}
