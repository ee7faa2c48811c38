/** `keystead sinks`: where events of the audit log are sent, and how that goes. */
import type { Command } from "commander";
import type { Delivery, EventSeverity, FilterPreset, Sink, SinkFilter, SinkTarget } from "@keystead/client/areas/sinks";
import { collect, group, leaf, type Run } from "../command-tree.ts";
import { readWhole } from "../byte-source.ts";
import { confirm } from "../confirmation.ts";
import type { Context } from "../context.ts";
import { oneOf, sinkTargetOf, sinkTargetOptions, type SinkTargetOptions } from "../sink-target-options.ts";
import { lengthOfTime } from "../time-options.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";

interface FilterOptions {
  readonly preset?: string;
  readonly event?: readonly string[];
  readonly exceptEvent?: readonly string[];
  readonly onlyNamespace?: readonly string[];
  readonly exceptNamespace?: readonly string[];
  readonly severity?: string;
}

interface RetryOptions {
  readonly timeoutEach?: number;
  readonly retries?: number;
  readonly retryDelayMs?: number;
}

const SEVERITIES: readonly EventSeverity[] = ["debug", "info", "warning", "error", "critical"];
const PRESETS: readonly FilterPreset[] = ["security_only", "key_lifecycle", "system_events", "high_severity"];

const filterOptions = (command: Command): Command =>
  command
    .option("--preset <name>", PRESETS.join(", "))
    .option("--event <type>", "only this type, such as key.created, or area, such as key.*; may be repeated", collect)
    .option("--except-event <type>", "not this type or area; may be repeated", collect)
    .option("--only-namespace <name>", "only events of this namespace; may be repeated", collect)
    .option("--except-namespace <name>", "no events of this namespace; may be repeated", collect)
    .option("--severity <least>", `${SEVERITIES.join(", ")} (default: info, or whatever --event and --preset name)`);
const retryOptions = (command: Command): Command =>
  command
    .option("--timeout-each <time>", "longest time of one attempt, such as 10s (default: 30s)", lengthOfTime("--timeout-each"))
    .option("--retries <number>", "repetitions of an event that is refused (default: 3)", wholeNumber("--retries", 0, 20))
    .option("--retry-delay-ms <number>", "before the first repetition (default: 1000)", wholeNumber("--retry-delay-ms", 1, 60_000));

/** The filter that the options describe; undefined when they describe none. */
function filterOf(options: FilterOptions): SinkFilter | undefined {
  const { event, exceptEvent, onlyNamespace, exceptNamespace } = options;
  const preset = oneOf("--preset", options.preset, PRESETS);
  const minSeverity = oneOf("--severity", options.severity, SEVERITIES);
  if ([preset, minSeverity, event, exceptEvent, onlyNamespace, exceptNamespace].every((part) => part === undefined)) return undefined;
  return {
    preset,
    includeEvents: event ?? [],
    excludeEvents: exceptEvent ?? [],
    includeNamespaces: onlyNamespace ?? [],
    excludeNamespaces: exceptNamespace ?? [],
    minSeverity,
  };
}

const retryOf = ({ timeoutEach, retries, retryDelayMs }: RetryOptions) =>
  [timeoutEach, retries, retryDelayMs].every((part) => part === undefined)
    ? undefined
    : { timeoutSeconds: timeoutEach, maxRetries: retries, delayMs: retryDelayMs };

const targetText = ({ webhook, file, syslog, nats, kafka, otlpLogs }: SinkTarget): string =>
  webhook?.url ?? file?.file ?? syslog?.host ?? nats?.host ?? kafka?.brokers[0] ?? otlpLogs?.url ?? "another kind";
const stateText = ({ enabled, status }: Sink): string => status?.state ?? (enabled ? "enabled" : "disabled");

function filterText({
  preset,
  includeEvents = [],
  excludeEvents = [],
  includeNamespaces = [],
  excludeNamespaces = [],
  minSeverity,
}: SinkFilter): string {
  const parts = [
    preset ?? "",
    ...includeEvents,
    ...excludeEvents.map((one) => `not ${one}`),
    ...includeNamespaces.map((one) => `in ${one}`),
    ...excludeNamespaces.map((one) => `not in ${one}`),
    minSeverity === undefined ? "" : `${minSeverity} or graver`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

const facts = (context: Context, sink: Sink): string =>
  context.facts([
    ["sink", sink.sinkId],
    ["name", sink.name],
    ["events of", sink.namespace === "" ? "every namespace and the server" : sink.namespace],
    ["target", targetText(sink.target)],
    ["filter", filterText(sink.filter)],
    ["state", stateText(sink)],
    ["delivered", String(sink.status?.delivered ?? "")],
    ["behind", String(sink.status?.behind ?? "")],
    ["set aside", String(sink.status?.deadLetters ?? "")],
    ["missed", sink.status?.missed ? String(sink.status.missed) : ""],
    ["last error", sink.status?.lastError ?? ""],
    ["last delivery", dateText(sink.status?.lastDeliveryAt)],
    ["created", `${dateText(sink.createdAt)} by ${sink.createdBy}`],
  ]);

const attemptText = ({ outcome, detail, durationMs }: Delivery): string =>
  `${outcome} after ${durationMs} ms${detail === "" ? "" : `: ${detail}`}\n`;

async function given(file: string | undefined, context: Context): Promise<Buffer | undefined> {
  return file === undefined ? undefined : readWhole(file, context.shell);
}

/** With the secret that the vault made, when it did. */
const withSecret = (secret: Buffer, text: string): string =>
  secret.length === 0 ? text : `${text}\nsecret (shown this once): ${secret.toString("latin1")}\n`;

export function sinks(root: Command, run: Run): void {
  const parent = group(root, "sinks", "Send events of the audit log somewhere");
  const named = (context: Context, sinkId = "") => ({ sinkId, namespace: context.options.namespace });
  leaf<
    SinkTargetOptions & FilterOptions & RetryOptions & { readonly secret?: string; readonly disabled?: boolean; readonly from?: number }
  >(parent, run, {
    usage: "create <name>",
    summary: "Send events to a webhook, a file or another kind of sink, from now on",
    notes: "With --namespace the sink gets that namespace's events; without, every one's and the server's.",
    examples: [
      "keystead sinks create siem --webhook https://siem.example/keystead --preset security_only",
      "keystead sinks create siem --syslog tls://log.example:6514 --severity warning",
      "keystead sinks create keys --namespace payments --webhook https://pay.example/hook --event 'key.*'",
      "keystead sinks create archive --file events.log --severity debug",
    ],
    options: (command) =>
      retryOptions(filterOptions(sinkTargetOptions(command)))
        .option("--secret <file>", "the secret that signs, instead of one that the vault makes; - is stdin")
        .option("--disabled", "deliver nothing yet")
        .option("--from <number>", "begin with this event of the log", wholeNumber("--from", 1, Number.MAX_SAFE_INTEGER)),
    body: async (context, options, [name = ""]) => {
      const target = sinkTargetOf(options);
      if (target === undefined) throw usageError("name the target, such as --webhook URL, --syslog URL or --file NAME");
      const secret = await given(options.secret, context);
      const { from, disabled } = options;
      const answer = await (
        await context.connect()
      ).createSink({
        name,
        namespace: context.options.namespace,
        target,
        filter: filterOf(options),
        retry: retryOf(options),
        disabled,
        secret,
        fromSequence: from === undefined ? undefined : BigInt(from),
      });
      await context.print(answer, () => withSecret(answer.secret, facts(context, answer.sink)));
    },
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List sinks and how they go",
    examples: ["keystead sinks list"],
    body: async (context) => {
      const all = await (await context.connect()).listSinks({ namespace: context.options.namespace });
      await context.print({ sinks: all }, () =>
        context.table(
          ["sink", "name", "events of", "target", "state", "behind", "set aside"],
          all.map((sink) => [
            sink.sinkId,
            sink.name,
            sink.namespace === "" ? "all" : sink.namespace,
            targetText(sink.target),
            stateText(sink),
            String(sink.status?.behind ?? ""),
            String(sink.status?.deadLetters ?? ""),
          ]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "show <sink>",
    summary: "Show a sink and how it goes",
    examples: ["keystead sinks show sink-5f0c1a2b3c4d5e6f"],
    body: async (context, _, [sink]) => {
      const answer = await (await context.connect()).getSink(named(context, sink));
      await context.print(answer, () => facts(context, answer));
    },
  });
  leaf<
    SinkTargetOptions & FilterOptions & RetryOptions & { readonly rename?: string; readonly enable?: boolean; readonly disable?: boolean }
  >(parent, run, {
    usage: "update <sink>",
    summary: "Change a sink; what is not named stays, and a filter is replaced as a whole",
    examples: ["keystead sinks update sink-5f0c1a2b3c4d5e6f --disable", "keystead sinks update sink-5f0c1a2b3c4d5e6f --event 'auth.*'"],
    options: (command) =>
      retryOptions(filterOptions(sinkTargetOptions(command)))
        .option("--rename <name>", "another name")
        .option("--enable", "deliver, from where it stands")
        .option("--disable", "deliver nothing; what happens meanwhile is delivered later"),
    body: async (context, options, [sink]) => {
      if (options.enable === true && options.disable === true) throw usageError("pass --enable or --disable, not both");
      const answer = await (
        await context.connect()
      ).updateSink({
        ...named(context, sink),
        name: options.rename,
        target: sinkTargetOf(options),
        filter: filterOf(options),
        retry: retryOf(options),
        enabled: options.enable === true ? true : options.disable === true ? false : undefined,
      });
      await context.print(answer, () => facts(context, answer));
    },
  });
  leaf<{ readonly yes?: boolean }>(parent, run, {
    usage: "delete <sink>",
    summary: "End a sink; what it has not delivered stays in the audit log",
    examples: ["keystead sinks delete sink-5f0c1a2b3c4d5e6f --yes"],
    options: (command) => command.option("--yes", "do not ask"),
    body: async (context, { yes }, [sink = ""]) => {
      await confirm(`End the sink '${sink}'?`, yes, context.shell);
      const answer = await (await context.connect()).deleteSink(named(context, sink));
      await context.print(answer, () => `the sink '${sink}' is ended\n`);
    },
  });
  leaf(parent, run, {
    usage: "test <sink>",
    summary: "Deliver an event of the type sink.test now",
    notes: "Exit status 0 when it arrived, 9 when it did not.",
    examples: ["keystead sinks test sink-5f0c1a2b3c4d5e6f"],
    body: async (context, _, [sink]) => {
      const delivery = await (await context.connect()).testSink(named(context, sink));
      await context.print(delivery, () => attemptText(delivery));
      return delivery.outcome === "delivered" ? 0 : 9;
    },
  });
  leaf(parent, run, {
    usage: "deliveries <sink>",
    summary: "Show the last attempts, and the events that were set aside",
    examples: ["keystead sinks deliveries sink-5f0c1a2b3c4d5e6f"],
    body: async (context, _, [sink]) => {
      const answer = await (await context.connect()).listDeliveries(named(context, sink));
      await context.print(answer, () => {
        const attempts = context.table(
          ["time", "events", "delivered", "outcome", "ms", "detail"],
          answer.deliveries.map((one) => [
            dateText(one.time),
            one.firstSequence === one.lastSequence ? String(one.firstSequence) : `${one.firstSequence}-${one.lastSequence}`,
            String(one.delivered),
            one.outcome,
            String(one.durationMs),
            one.detail,
          ]),
        );
        if (answer.deadLetters.length === 0) return attempts;
        const aside = context.table(
          ["set aside", "event", "type", "reason"],
          answer.deadLetters.map((one) => [dateText(one.time), String(one.sequence), one.type, one.reason]),
        );
        return `${attempts}\n${aside}`;
      });
    },
  });
  leaf(parent, run, {
    usage: "redeliver <sink> <event>",
    summary: "Deliver one event of the log once more, by its number",
    notes: "An event that was set aside is so no longer when it arrives. Exit status 0 when it arrived, 9 when it did not.",
    examples: ["keystead sinks redeliver sink-5f0c1a2b3c4d5e6f 1042"],
    body: async (context, _, [sink, event = ""]) => {
      const sequence = wholeNumber("<event>", 1, Number.MAX_SAFE_INTEGER)(event);
      const delivery = await (await context.connect()).redeliverDelivery({ ...named(context, sink), sequence: BigInt(sequence) });
      await context.print(delivery, () => attemptText(delivery));
      return delivery.outcome === "delivered" ? 0 : 9;
    },
  });
  leaf<{ readonly secret?: string; readonly overlap?: number }>(parent, run, {
    usage: "rotate-secret <sink>",
    summary: "Give a sink another secret",
    examples: ["keystead sinks rotate-secret sink-5f0c1a2b3c4d5e6f --overlap 1d"],
    options: (command) =>
      command
        .option("--secret <file>", "the new secret, instead of one that the vault makes; - is stdin")
        .option("--overlap <time>", "how long the former one signs too, such as 1d (default: not at all)", lengthOfTime("--overlap")),
    body: async (context, { secret: file, overlap }, [sink]) => {
      const secret = await given(file, context);
      const answer = await (await context.connect()).rotateSinkSecret({ ...named(context, sink), secret, overlapSeconds: overlap });
      await context.print(answer, () => withSecret(answer.secret, facts(context, answer.sink)));
    },
  });
}
