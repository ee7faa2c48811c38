/** `keystead keys rotate`: makes a new current version; older ones still verify and decrypt. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { printNewKey } from "./key-facts.ts";

export function keysRotate(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "rotate <key>",
    summary: "Make a new version of a key; older versions still verify and decrypt",
    examples: ["keystead keys rotate release"],
    body: async (context, _options, [keyId = ""]) => printNewKey(context, await (await context.connect()).rotateKey({ keyId })),
  });
}
