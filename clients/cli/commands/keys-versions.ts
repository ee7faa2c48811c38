/** `keystead keys versions`: every version of a key there ever was. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { dateText } from "./key-facts.ts";

export function keysVersions(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "versions <key>",
    summary: "List the versions of a key, the newest first",
    examples: ["keystead keys versions release", "keystead keys versions release --json"],
    body: async (context, _options, [keyId = ""]) => {
      const answer = await (await context.connect()).listVersions({ keyId });
      await context.print(answer, () =>
        context.table(
          ["version", "state", "created", "expires", "made here", "same as", "reason"],
          answer.versions.map((version) => [
            `${version.version}${version.version === answer.current ? " (current)" : ""}`,
            version.state,
            dateText(version.createdAt),
            dateText(version.expiresAt),
            version.local ? "yes" : "no",
            version.promotedFrom === 0 ? "" : String(version.promotedFrom),
            [version.rotationReason, version.complianceRequirement].filter((text) => text !== "").join("; "),
          ]),
        ),
      );
    },
  });
}
