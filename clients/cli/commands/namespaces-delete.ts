/** `keystead namespaces delete`, `cancel-delete`, `purge`: the end of a namespace, with time to think. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { confirm, confirmByName } from "../confirmation.ts";
import { lengthOfTime } from "../time-options.ts";
import { dateText } from "./key-facts.ts";
import { namespaceFacts } from "./namespace-facts.ts";

export function namespacesDelete(parent: Command, run: Run): void {
  leaf<{ readonly delay?: number; readonly reason?: string; readonly confirm?: string }>(parent, run, {
    usage: "delete <name>",
    summary: "Schedule the destruction of a namespace and every key in it; it can be cancelled until it is due",
    notes:
      "From now on nothing in it is used. When it is due, its keys and the key that they are encrypted under are destroyed: whatever they encrypted is lost. Backups from before still hold them.",
    examples: [
      "keystead namespaces delete old-shop --delay 30d --reason 'contract ended'",
      "keystead namespaces delete old-shop --confirm old-shop",
    ],
    options: (command) =>
      command
        .option("--delay <time>", "how long to wait, such as 12h or 30d (default: as configured)", lengthOfTime("--delay"))
        .option("--reason <text>", "why, for the record")
        .option("--confirm <name>", "its name again, instead of being asked"),
    body: async (context, { delay, reason, confirm: given }, [namespace = ""]) => {
      const client = await context.connect();
      const { keys = 0, description } = await client.getNamespace({ namespace });
      const called = description === "" ? "" : ` (${description})`;
      const lost = `${keys} ${keys === 1 ? "key" : "keys"} of the namespace '${namespace}'${called} and everything they encrypted will be lost.`;
      await confirmByName(lost, namespace, given, context.shell);
      const one = await client.deleteNamespace({ namespace, delaySeconds: delay, reason });
      await context.print(
        one,
        () => `the namespace '${namespace}' with ${one.keys ?? keys} keys will be destroyed at ${dateText(one.deletionAt)}\n`,
      );
    },
  });
}

export function namespacesCancelDelete(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "cancel-delete <name>",
    summary: "Take back a scheduled deletion",
    examples: ["keystead namespaces cancel-delete old-shop"],
    body: async (context, _options, [namespace = ""]) => {
      const one = await (await context.connect()).cancelNamespaceDeletion({ namespace });
      await context.print(one, () => namespaceFacts(context, one));
    },
  });
}

export function namespacesPurge(parent: Command, run: Run): void {
  leaf<{ readonly yes?: boolean }>(parent, run, {
    usage: "purge <name>",
    summary: "Destroy a namespace whose deletion is due; the server does it by itself within seconds",
    examples: ["keystead namespaces purge old-shop --yes"],
    options: (command) => command.option("--yes", "do not ask"),
    body: async (context, { yes }, [namespace = ""]) => {
      await confirm(`Destroy the namespace '${namespace}'?`, yes, context.shell);
      const gone = await (await context.connect()).purgeNamespace({ namespace });
      await context.print(gone, () =>
        gone.complete
          ? `destroyed: ${gone.keys} keys, ${gone.records} records\ndigest: ${gone.digest}\n`
          : `destroyed so far: ${gone.keys} keys; the server goes on by itself\n`,
      );
    },
  });
}
