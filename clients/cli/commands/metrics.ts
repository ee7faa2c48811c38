/** `keystead metrics`: what the server counts and measures, once or again and again. */
import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { HsmError } from "@keystead/client/names";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { parseMetrics, readingsOf, type Reading } from "../metrics-text.ts";
import { followingText } from "../output-form.ts";
import { findProfile } from "../settings.ts";
import { write } from "../shell.ts";
import { lengthOfTime } from "../time-options.ts";
import { usageError } from "../usage-error.ts";

interface Options {
  readonly url?: string;
  readonly watch?: boolean;
  readonly interval: number;
  readonly zeros?: boolean;
}

/** A whole answer is a few hundred kilobytes. */
const MOST_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

/** Where the metrics are: said, or as the profile has it. */
function addressOf(context: Context, options: Options): string {
  const said =
    options.url ?? (context.shell.env["KEYSTEAD_METRICS_URL"] || undefined) ?? findProfile(context.options, context.shell)?.metrics;
  if (said === undefined || said === "") throw usageError("where are the metrics? say --url, such as http://localhost:9090/metrics");
  if (!URL.canParse(said) || !/^https?:$/.test(new URL(said).protocol))
    throw usageError(`--url: '${said}' is not an http or https address`);
  return said;
}

async function read(address: string): Promise<string> {
  try {
    const response = await fetch(address, { headers: { accept: "text/plain; version=0.0.4" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok || response.body === null) throw usageError(`${address} answered ${response.status}`);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      bytes += piece.byteLength;
      if (bytes > MOST_BYTES) throw usageError(`${address} does not end`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString("utf8");
  } catch (error) {
    if (error instanceof HsmError) throw error;
    const why = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    throw usageError(`cannot read ${address} (${why}); are the metrics on, and is it their port?`);
  }
}

/** `hsm_operations_total` by that name, by `operations_total`, or by a part with stars: `*operations*`. */
function named(pattern: string): (name: string) => boolean {
  const body = pattern
    .split("*")
    .map((part) => RegExp.escape(part))
    .join(".*");
  const whole = new RegExp(`^(?:hsm_)?${body}$`);
  return (name) => whole.test(name);
}

const keyOf = ({ name, labels }: Reading): string => JSON.stringify([name, Object.entries(labels).sort()]);
const numberText = (value: number): string =>
  Number.isInteger(value) || !Number.isFinite(value) ? String(value) : String(Number(value.toPrecision(4)));
/** JSON has no infinity and nothing that is not a number: they are texts, as Prometheus writes them. */
const inPrometheus = (value: number): number | string =>
  Number.isFinite(value) ? value : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
const documentOf = (readings: readonly Reading[]): unknown => ({
  metrics: readings.map(({ value, quantiles, ...rest }) => ({
    ...rest,
    value: inPrometheus(value),
    ...(quantiles === undefined
      ? {}
      : { quantiles: Object.fromEntries(Object.entries(quantiles).map(([share, bound]) => [share, inPrometheus(bound)])) }),
  })),
});
const labelText = (labels: Reading["labels"]): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

function cells(reading: Reading, before: ReadonlyMap<string, number> | undefined, seconds: number): readonly string[] {
  const { name, type, labels, value, mean } = reading;
  const counts = type !== "gauge" && type !== "untyped";
  const earlier = before?.get(keyOf(reading));
  // What is smaller than before was counted by a process that has been started anew.
  const rate = counts && earlier !== undefined && value >= earlier ? numberText((value - earlier) / seconds) : "";
  const shares = Object.entries(reading.quantiles ?? {}).map(
    ([share, bound]) => `${numberText(Number(share) * 100)} % <= ${numberText(bound)}`,
  );
  const spread = mean === undefined ? "" : [`mean ${numberText(mean)}`, ...shares].join(", ");
  return [name, labelText(labels), numberText(value), ...(before === undefined ? [] : [rate]), spread];
}

export function metrics(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "metrics [name]",
    summary: "Show what the server counts and measures",
    notes:
      "NAME is a series with or without hsm_, or a part of it with stars. With --watch the change per second stands beside the value. A quantile of a histogram is the bound of the bucket it falls into.",
    examples: [
      "keystead metrics operations_total",
      "keystead metrics '*duration*' --watch",
      "keystead metrics --url http://10.0.0.5:9090/metrics --json",
    ],
    options: (command) =>
      command
        .option("--url <address>", "where the metrics are (KEYSTEAD_METRICS_URL; otherwise as the profile says)")
        .option("--watch", "show them again and again, until Ctrl-C")
        .option("--interval <time>", "between two looks", lengthOfTime("--interval"), 2)
        .option("--zeros", "series that are zero, too"),
    body: async (context, options, [name = "*"]) => {
      const address = addressOf(context, options);
      const matches = named(name);
      const look = async (): Promise<readonly Reading[]> => {
        const families = parseMetrics(await read(address)).filter((family) => matches(family.name));
        if (families.length === 0) throw usageError(`there is no metric '${name}'; without a name all of them are shown`);
        return families.flatMap(readingsOf).filter(({ value }) => options.zeros === true || name !== "*" || value !== 0);
      };
      const table = (readings: readonly Reading[], before?: ReadonlyMap<string, number>, seconds = 1): string =>
        context.table(
          ["metric", "labels", "value", ...(before === undefined ? [] : ["per second"]), "spread"],
          readings.map((reading) => cells(reading, before, seconds)),
        );
      if (options.watch !== true) {
        const readings = await look();
        return context.print(documentOf(readings), () => table(readings));
      }
      let before: Map<string, number> | undefined;
      for (let at = performance.now(); ;) {
        const readings = await look().catch(async (error: unknown) => {
          // The first look tells mistakes; later ones outlive a server that is started anew.
          if (before === undefined) throw error;
          await context.note(error instanceof Error ? error.message : String(error));
          return undefined;
        });
        const now = performance.now();
        if (readings !== undefined) {
          const { form, shell } = context;
          const screen = shell.stdout.isTTY === true ? CLEAR_SCREEN : "";
          await write(
            shell.stdout,
            form === "table"
              ? screen + table(readings, before ?? new Map(), (now - at) / 1000)
              : await followingText(documentOf(readings), form),
          );
          before = new Map(readings.map((reading) => [keyOf(reading), reading.value]));
          at = now;
        }
        await setTimeout(Math.max(1, options.interval) * 1000);
      }
    },
  });
}
