/** `keystead audit tail`: the newest events of the audit log, and with --follow the ones that come. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Keystead } from "@keystead/client/client";
import type { AuditEvent, GetAuditLogRequest } from "@keystead/client/shapes";
import { EVENT_HEADING, eventCells, filterOf, filterOptions, type FilterOptions } from "../audit-options.ts";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { followingText } from "../output-form.ts";
import { write } from "../shell.ts";
import { pointInTime } from "../time-options.ts";
import { wholeNumber } from "../whole-number.ts";

interface Options extends FilterOptions {
  readonly lines: number;
  readonly follow?: boolean;
  readonly since?: Date;
  readonly until?: Date;
}

const PAGE = 1000;

/** The newest events, oldest of them first. */
async function newest(keystead: Keystead, options: Options): Promise<readonly AuditEvent[]> {
  const filter: GetAuditLogRequest = { ...filterOf(options), since: options.since, until: options.until, order: "newest_first" };
  const events: AuditEvent[] = [];
  let pageToken: string | undefined;
  do {
    const answer = await keystead.getAuditLog({ ...filter, pageSize: Math.min(PAGE, options.lines - events.length), pageToken });
    events.push(...answer.events);
    pageToken = answer.nextPageToken;
  } while (pageToken !== "" && events.length < options.lines);
  return events.reverse();
}

async function follow(context: Context, options: Options): Promise<void> {
  // Reading the log is itself recorded; events under this request id are this command's own and are not shown.
  const requestId = context.options.requestId ?? randomUUID();
  const keystead = await context.connect({ requestId });
  const { form } = context;
  const show = async (events: readonly AuditEvent[], heading: boolean): Promise<void> => {
    if (form !== "table")
      return write(context.shell.stdout, (await Promise.all(events.map((event) => followingText(event, form)))).join(""));
    const table = context.table(EVENT_HEADING, events.map(eventCells));
    return write(context.shell.stdout, heading ? table : table.split("\n").slice(1).join("\n"));
  };
  const first = (await newest(keystead, options)).filter((event) => event.requestId !== requestId);
  await show(first, true);
  const after = first.at(-1)?.sequence;
  for await (const event of keystead.streamAuditLog({ ...filterOf(options), after }))
    if (event.requestId !== requestId) await show([event], false);
}

export function auditTail(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "tail",
    summary: "Show the newest events of the audit log",
    notes: "With --follow and --json every event is one line of JSON; the command ends with Ctrl-C.",
    examples: ["keystead audit tail --lines 50 --key release", "keystead audit tail --follow --json"],
    options: (command) =>
      filterOptions(command)
        .option("--lines <number>", "how many events", wholeNumber("--lines", 1, 100_000), 20)
        .option("--follow", "keep running and show new events")
        .option("--since <time>", "only events of this time or later", pointInTime("--since"))
        .option("--until <time>", "only events before this time", pointInTime("--until")),
    body: async (context, options) => {
      if (options.follow === true) return follow(context, options);
      const events = await newest(await context.connect(), options);
      await context.print({ events }, () => context.table(EVENT_HEADING, events.map(eventCells)));
    },
  });
}
