/** `keystead keys show`: everything known of one key but its material. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { dateText, keyFacts } from "./key-facts.ts";

export function keysShow(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "show <key>",
    summary: "Show a key and its versions",
    examples: ["keystead keys show release", "keystead keys show release --json"],
    body: async (context, _options, [keyId = ""]) => {
      const key = await (await context.connect()).getKey({ keyId });
      const versions = () =>
        context.table(
          ["version", "state", "created", "made here"],
          key.versions.map((version) => [
            String(version.version),
            version.state,
            dateText(version.createdAt),
            version.local ? "yes" : "no",
          ]),
        );
      await context.print(key, () => `${keyFacts(context, key)}\n${versions()}`);
    },
  });
}
