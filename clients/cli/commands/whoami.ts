/** `keystead whoami`: who the server takes the caller for. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { dateText } from "./key-facts.ts";

export function whoami(root: Command, run: Run): void {
  leaf(root, run, {
    usage: "whoami",
    summary: "Show who you are here and what you may do",
    examples: ["keystead whoami"],
    body: async (context) => {
      const who = await (await context.connect()).whoAmI();
      await context.print(who, () =>
        context.facts([
          ["principal", who.principal],
          ["by", who.method],
          ["roles", who.roles.join(", ")],
          ["namespaces", who.allNamespaces ? "all" : who.namespaces.join(", ")],
          ["permissions", who.permissions.join(", ")],
          ...(who.sessionId === "" ? [] : [["session", who.sessionId] as const]),
          ...(who.mfaAt === undefined ? [] : [["second factor", dateText(who.mfaAt)] as const]),
          ...(who.validUntil === undefined ? [] : [["until", dateText(who.validUntil)] as const]),
        ]),
      );
    },
  });
}
