/** `keystead alerts`: what the server noticed of trouble by itself. */
import type { Command } from "commander";
import type { Alert } from "@keystead/client/shapes";
import { leaf, type Run } from "../command-tree.ts";

const row = (one: Alert): string[] => [
  one.alert,
  one.subject,
  one.state,
  one.severity,
  one.since?.toISOString() ?? "",
  one.until?.toISOString() ?? "",
  `${Number(Number(one.value).toPrecision(3))} (${one.threshold}) ${one.unit}`,
  one.meaning,
];
const HEADINGS = ["alert", "of", "state", "severity", "since", "until", "value (threshold)", "meaning"];

export function alerts(root: Command, run: Run): void {
  leaf<{ readonly firing?: boolean }>(root, run, {
    usage: "alerts",
    summary: "Show what the server noticed of trouble",
    notes: "Alerts that fire come first. That one fires or is resolved is an event of the audit log too.",
    examples: ["keystead alerts", "keystead alerts --firing --json"],
    options: (command) => command.option("--firing", "only those that fire now"),
    body: async (context, { firing }) => {
      const all = await (await context.connect()).listAlerts({ firing: firing === true });
      await context.print({ alerts: all }, () => (all.length === 0 ? "no alerts\n" : context.table(HEADINGS, all.map(row))));
    },
  });
}
