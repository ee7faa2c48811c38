/** `keystead namespaces show`, `update`, `suspend`, `resume`: what a namespace may, and whether it may at all. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { namespaceFacts } from "./namespace-facts.ts";

export function namespacesShow(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "show <name>",
    summary: "Show a namespace: its state, its limits and who may use it",
    examples: ["keystead namespaces show payments"],
    body: async (context, _options, [namespace = ""]) => {
      const one = await (await context.connect()).getNamespace({ namespace });
      await context.print(one, () => namespaceFacts(context, one));
    },
  });
}

interface Changes {
  readonly description?: string;
  readonly maxKeys?: number;
  readonly rate?: number;
  readonly burst?: number;
  readonly maxSessions?: number;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly anyAddress?: boolean;
}

const collected = (range: string, before: readonly string[] = []): readonly string[] => [...before, ...range.split(",").filter(Boolean)];

export function namespacesUpdate(parent: Command, run: Run): void {
  leaf<Changes>(parent, run, {
    usage: "update <name>",
    summary: "Change quota, rate, addresses or description of a namespace",
    notes: "--allow and --deny replace both lists of addresses; the server's configuration may keep out more.",
    examples: [
      "keystead namespaces update payments --max-keys 500 --rate 200",
      "keystead namespaces update payments --allow 10.0.0.0/8 --deny 10.9.0.0/16",
    ],
    options: (command) =>
      command
        .option("--description <text>", "what it is for")
        .option("--max-keys <number>", "most keys it may hold; 0 = no limit", wholeNumber("--max-keys", 0, 2 ** 32 - 1))
        .option(
          "--max-sessions <number>",
          "most sessions at once of users and accounts that name it; 0 = no limit",
          wholeNumber("--max-sessions", 0, 1_000_000),
        )
        .option("--rate <number>", "requests a second; 0 = as configured for all namespaces", wholeNumber("--rate", 0, 1_000_000))
        .option("--burst <number>", "requests at once after a rest (default: twice the rate)", wholeNumber("--burst", 1, 1_000_000))
        .option("--allow <range>", "an address or range that may use it; again for more", collected)
        .option("--deny <range>", "one that may not; again for more", collected)
        .option("--any-address", "no rules about addresses any more"),
    body: async (context, { description, maxKeys, maxSessions, rate, burst, allow, deny, anyAddress }, [namespace = ""]) => {
      if (anyAddress === true && (allow !== undefined || deny !== undefined)) throw usageError("--any-address excludes --allow and --deny");
      const rules = anyAddress === true || allow !== undefined || deny !== undefined;
      const changed = await (
        await context.connect()
      ).updateNamespace({
        namespace,
        description,
        maxKeys,
        maxSessions,
        requestsPerSecond: rate,
        burst,
        addresses: rules ? { allowedIps: allow ?? [], deniedIps: deny ?? [] } : undefined,
      });
      await context.print(changed, () => namespaceFacts(context, changed));
    },
  });
}

export function namespacesSuspend(parent: Command, run: Run): void {
  leaf<{ readonly reason?: string }>(parent, run, {
    usage: "suspend <name>",
    summary: "Stop every use of a namespace at once; administrators and auditors still see it",
    examples: ["keystead namespaces suspend payments --reason 'credentials were stolen'"],
    options: (command) => command.option("--reason <text>", "why, for whoever finds it suspended"),
    body: async (context, { reason }, [namespace = ""]) => {
      const one = await (await context.connect()).suspendNamespace({ namespace, reason });
      await context.print(one, () => namespaceFacts(context, one));
    },
  });
}

export function namespacesResume(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "resume <name>",
    summary: "End a suspension",
    examples: ["keystead namespaces resume payments"],
    body: async (context, _options, [namespace = ""]) => {
      const one = await (await context.connect()).resumeNamespace({ namespace });
      await context.print(one, () => namespaceFacts(context, one));
    },
  });
}
