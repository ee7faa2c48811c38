/** `keystead keys rotate`: makes a new current version; older ones still verify and decrypt. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { pointInTime } from "../time-options.ts";
import { printNewKey } from "./key-facts.ts";

export function keysRotate(parent: Command, run: Run): void {
  leaf<{ readonly expires?: Date; readonly reason?: string; readonly requirement?: string }>(parent, run, {
    usage: "rotate <key>",
    summary: "Make a new version of a key; older versions still verify and decrypt",
    examples: [
      "keystead keys rotate release",
      "keystead keys rotate cards --reason 'yearly' --requirement 'PCI DSS 3.7.4' --expires 2031-01-31",
    ],
    options: (command) =>
      command
        .option("--expires <time>", "from then on the new version makes nothing new", pointInTime("--expires"))
        .option("--reason <text>", "why it is rotated")
        .option("--requirement <text>", "the rule that asks for it"),
    body: async (context, { expires, reason, requirement }, [keyId = ""]) =>
      printNewKey(
        context,
        await (await context.connect()).rotateKey({ keyId, expiresAt: expires, reason, complianceRequirement: requirement }),
      ),
  });
}
