/** `keystead budgets`: how many uses keys and principals have in a minute and in a day. */
import type { Command } from "commander";
import type { Budget } from "@keystead/client/shapes";
import { group, leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";

interface Scope {
  readonly key?: string;
  readonly principal?: string;
  readonly perMinute?: number;
  readonly perDay?: number;
}

const used = (uses: number, limit: number): string => (limit === 0 ? "" : `${uses} of ${limit}`);
const row = (one: Budget): string[] => [
  one.budgetId,
  one.keyId === "" ? "all" : one.keyId,
  one.principal === "" ? "all" : one.principal,
  used(one.usedThisMinute, one.perMinute),
  used(one.usedToday, one.perDay),
];
const HEADINGS = ["budget", "key", "principal", "this minute", "today"];

export function budgets(root: Command, run: Run): void {
  const parent = group(root, "budgets", "Limit how often keys are used");
  const uses = (name: string) => wholeNumber(name, 1, 1_000_000_000);
  leaf<Scope>(parent, run, {
    usage: "set",
    summary: "Set a budget of a key, a principal, both together, or the whole namespace",
    notes: "Minutes and days are those of UTC. Setting a budget again changes its limits; what was used stays used.",
    examples: [
      "keystead budgets set --key release --per-day 20",
      "keystead budgets set --principal cert:ci --per-minute 60 --per-day 5000",
    ],
    options: (command) =>
      command
        .option("--key <key>", "of this key (default: all keys together)")
        .option("--principal <id>", "of this principal, as the audit log names it (default: all together)")
        .option("--per-minute <uses>", "uses in a minute", uses("--per-minute"))
        .option("--per-day <uses>", "uses in a day", uses("--per-day")),
    body: async (context, { key, principal, perMinute, perDay }) => {
      const one = await (await context.connect()).setBudget({ keyId: key, principal, perMinute, perDay });
      await context.print(one, () => context.table(HEADINGS, [row(one)]));
    },
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List the budgets of a namespace and what is used of them",
    examples: ["keystead budgets list", "keystead budgets list --namespace payments"],
    body: async (context) => {
      const all = await (await context.connect()).listBudgets({});
      await context.print({ budgets: all }, () => context.table(HEADINGS, all.map(row)));
    },
  });
  leaf(parent, run, {
    usage: "delete <budget>",
    summary: "Remove a budget",
    examples: ["keystead budgets delete budget-4c1f0a2b9d8e7f60"],
    body: async (context, _options, [budgetId = ""]) => {
      await (await context.connect()).deleteBudget({ budgetId });
      await context.print({ budgetId }, () => `${budgetId} is removed\n`);
    },
  });
}
