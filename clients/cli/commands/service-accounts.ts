/** `keystead service-accounts`: accounts of programs, and their secret ids. */
import type { Command } from "commander";
import type { ServiceAccount } from "@keystead/client/shapes";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { collect, group, leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";

interface Options {
  readonly description?: string;
  readonly role?: readonly string[];
  readonly reach?: readonly string[];
  readonly maxSessions?: number;
  readonly ttlSeconds?: number;
  readonly maxUses?: number;
  readonly from?: readonly string[];
  readonly out?: string;
  readonly force?: boolean;
}

const accountFacts = (context: Context, account: ServiceAccount): string =>
  context.facts([
    ["service account", account.name],
    ...(account.description === "" ? [] : [["description", account.description] as const]),
    ["roles", account.roles.join(", ")],
    ["namespaces", account.namespaces.join(", ")],
    ["created", dateText(account.createdAt)],
    ...account.secretIds.map(
      ({ accessor, expiresAt, usesLeft, addresses }) =>
        [
          "secret id",
          [accessor, `until ${dateText(expiresAt)}`, ...(usesLeft === 0 ? [] : [`${usesLeft} uses left`]), ...addresses].join(", "),
        ] as const,
    ),
  ]);

export function serviceAccounts(root: Command, run: Run): void {
  const parent = group(root, "service-accounts", "Manage accounts of programs, which log in by role id and secret id");
  const show = (context: Context, account: ServiceAccount): Promise<void> => context.print(account, () => accountFacts(context, account));
  leaf<Options>(parent, run, {
    usage: "create <name>",
    summary: "Make a service account; its name is its role id",
    examples: ["keystead service-accounts create builder --role Service --reach payments"],
    options: (command) =>
      command
        .option("--description <text>", "what it is for")
        .option("--role <name>", "a role; repeat for more", collect)
        .option("--reach <namespace>", "a namespace within reach, * for all; repeat for more", collect)
        .option("--max-sessions <number>", "sessions open at once; 0 = no limit", wholeNumber("--max-sessions", 0, 10_000)),
    body: async (context, { description, role: roles, reach: namespaces, maxSessions }, [name = ""]) =>
      show(context, await (await context.connect()).createServiceAccount({ name, description, roles, namespaces, maxSessions })),
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List every service account with what is known of its secret ids",
    examples: ["keystead service-accounts list"],
    body: async (context) => {
      const all = await (await context.connect()).listServiceAccounts();
      await context.print({ serviceAccounts: all }, () =>
        context.table(
          ["service account", "roles", "namespaces", "secret ids"],
          all.map(({ name, roles, namespaces, secretIds }) => [name, roles.join(","), namespaces.join(","), String(secretIds.length)]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "delete <name>",
    summary: "Remove a service account with every session it has",
    examples: ["keystead service-accounts delete builder"],
    body: async (context, _options, [name = ""]) => {
      const removed = await (await context.connect()).deleteServiceAccount({ name });
      await context.print({ name: removed }, () => `service account ${removed} is removed\n`);
    },
  });
  leaf<Options>(parent, run, {
    usage: "secret-id <name>",
    summary: "Make a secret id, shown or written this once",
    examples: [
      "keystead service-accounts secret-id builder --max-uses 1 --ttl-seconds 600 --out secret-id",
      "keystead service-accounts secret-id builder --from 10.0.0.0/8",
    ],
    options: (command) =>
      command
        .option("--ttl-seconds <number>", "seconds until it expires (default: 30 days)", wholeNumber("--ttl-seconds", 1, 31_536_000))
        .option("--max-uses <number>", "logins it is good for (default: no limit)", wholeNumber("--max-uses", 1, 1_000_000))
        .option("--from <address>", "an address or range it is good from; repeat for more", collect)
        .option("--out <file>", "write the secret id to this file, for its owner alone")
        .option("--force", "replace the file of --out"),
    body: async (context, options, [name = ""]) => {
      const { ttlSeconds, maxUses, from: addresses } = options;
      if (options.out !== undefined) checkTarget({ ...options, out: options.out }, context.shell);
      const { secretId, about } = await (await context.connect()).createSecretId({ name, ttlSeconds, maxUses, addresses });
      if (options.out === undefined) return context.print({ secretId, about }, () => `${secretId}\n`);
      await writeTarget({ ...options, out: options.out }, [Buffer.from(`${secretId}\n`)], context.shell);
      await context.print({ about }, () => `wrote the secret id ${about.accessor} to ${options.out}\n`);
    },
  });
  leaf(parent, run, {
    usage: "revoke-secret-id <name> <accessor>",
    summary: "Make a secret id worthless",
    examples: ["keystead service-accounts revoke-secret-id builder 5f0c8a"],
    body: async (context, _options, [name = "", accessor = ""]) =>
      show(context, await (await context.connect()).revokeSecretId({ name, accessor })),
  });
}
