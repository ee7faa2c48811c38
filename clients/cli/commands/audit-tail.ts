/** `keystead audit tail`: the newest events of the audit log, and with --follow the ones that come. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Keystead } from "@keystead/client/client";
import type { AuditEvent, GetAuditLogRequest } from "@keystead/client/shapes";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { jsonValue } from "../json-text.ts";
import { write } from "../shell.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";

interface Options {
  readonly lines: number;
  readonly follow?: boolean;
  readonly key?: string;
  readonly action?: string;
}

const HEADING = ["sequence", "time", "principal", "action", "key", "decision", "outcome"];
const POLL_MS = 1000;
const PAGE = 1000;

const cells = (event: AuditEvent): readonly string[] => [
  String(event.sequence),
  dateText(event.time),
  event.principal,
  event.action,
  event.keyId,
  event.decision,
  event.outcome,
];

/** Events after `last`, oldest first, read from the newest backwards; at most `limit` of them when nothing was seen yet. */
async function newer(
  keystead: Keystead,
  filter: GetAuditLogRequest,
  last: bigint | undefined,
  limit: number,
): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = [];
  let pageToken: string | undefined;
  do {
    const pageSize = last === undefined ? Math.min(PAGE, limit - events.length) : PAGE;
    const answer = await keystead.getAuditLog({ ...filter, order: "newest_first", pageSize, pageToken });
    for (const event of answer.events) {
      if (last !== undefined && event.sequence <= last) return events.reverse();
      events.push(event);
    }
    pageToken = answer.nextPageToken;
  } while (pageToken !== "" && (last !== undefined || events.length < limit));
  return events.reverse();
}

async function follow(context: Context, options: Options): Promise<never> {
  // Reading the log is itself recorded; events under this request id are this command's own and are not shown.
  const requestId = context.options.requestId ?? randomUUID();
  const keystead = await context.connect({ requestId });
  const filter = { keyId: options.key, action: options.action };
  let last: bigint | undefined;
  for (let first = true; ; first = false) {
    const events = await newer(keystead, filter, last, options.lines);
    last = events.at(-1)?.sequence ?? last ?? 0n;
    const shown = events.filter((event) => event.requestId !== requestId);
    if (context.options.json === true)
      await write(context.shell.stdout, shown.map((event) => `${JSON.stringify(jsonValue(event))}\n`).join(""));
    else if (first) await write(context.shell.stdout, context.table(HEADING, shown.map(cells)));
    else await write(context.shell.stdout, context.table(HEADING, shown.map(cells)).split("\n").slice(1).join("\n"));
    await sleep(POLL_MS);
  }
}

export function auditTail(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "tail",
    summary: "Show the newest events of the audit log",
    notes: "With --follow and --json every event is one line of JSON; the command ends with Ctrl-C.",
    examples: ["keystead audit tail --lines 50 --key release", "keystead audit tail --follow --json"],
    options: (command) =>
      command
        .option("--lines <number>", "how many events", wholeNumber("--lines", 1, 100_000), 20)
        .option("--follow", "keep running and show new events")
        .option("--key <id>", "only events about this key")
        .option("--action <name>", "only events of this operation, such as Sign"),
    body: async (context, options) => {
      if (options.follow === true) return follow(context, options);
      const events = await newer(await context.connect(), { keyId: options.key, action: options.action }, undefined, options.lines);
      await context.print({ events }, () => context.table(HEADING, events.map(cells)));
    },
  });
}
