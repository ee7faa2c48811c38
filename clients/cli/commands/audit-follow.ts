/** `keystead audit follow`: every event as it comes, one line each. */
import type { Command } from "commander";
import type { AuditEvent } from "@keystead/client/shapes";
import { eventCells, filterOf, filterOptions, type FilterOptions } from "../audit-options.ts";
import { leaf, type Run } from "../command-tree.ts";
import { followingText, type OutputForm } from "../output-form.ts";
import { write } from "../shell.ts";
import { printable } from "../table.ts";
import { wholeNumber } from "../whole-number.ts";

interface Options extends FilterOptions {
  readonly after?: number;
  readonly untilNow?: boolean;
}

const textOf = async (event: AuditEvent, form: OutputForm): Promise<string> =>
  form === "table" ? `${eventCells(event).map(printable).join("  ")}\n` : followingText(event, form);

export function auditFollow(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "follow",
    summary: "Show events of the audit log as they come",
    notes:
      "One line per event; with --json its whole text. Goes on by itself after the server was away, and ends with Ctrl-C. Keep the last sequence number and say --after to miss nothing.",
    examples: ["keystead audit follow --decision refuse", "keystead audit follow --after 0 --until-now --json > events.jsonl"],
    options: (command) =>
      filterOptions(command)
        .option(
          "--after <number>",
          "events after this sequence number; 0 = from the first on",
          wholeNumber("--after", 0, Number.MAX_SAFE_INTEGER),
        )
        .option("--until-now", "end when everything there is has been shown"),
    body: async (context, options) => {
      const keystead = await context.connect();
      const { after, untilNow } = options;
      const events = keystead.streamAuditLog({ ...filterOf(options), after: after === undefined ? undefined : BigInt(after), untilNow });
      for await (const event of events) await write(context.shell.stdout, await textOf(event, context.form));
    },
  });
}
