/**
 * Samples as the text that is scraped: Prometheus text format 0.0.4, and OpenMetrics 1.0.0 for who asks for it.
 *
 * The two differ in the names of counters (OpenMetrics writes the family without `_total`), in the name of what has no
 * type, and in the last line. Series that several processes have are one family, whose samples differ by `part`.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import { METRIC_NAMES, metricRow, type MetricName, type Samples } from "./metrics.ts";

export type Exposition = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<Exposition, string>> = Object.freeze({
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
});

const escaped = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

/** Labels as they stand in the text, without braces. */
export const labelText = (names: readonly string[], values: readonly string[]): string =>
  names.map((name, index) => `${name}="${escaped(values[index] ?? "")}"`).join(",");

/** A number as both formats spell it; bounds of buckets must have a point in OpenMetrics. */
export function numberText(value: number, digits?: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return digits === undefined ? String(value) : String(Number(value.toPrecision(digits)));
}

/**
 * The whole text.
 *
 * @param parts samples of each process
 * @param legacyNames whether series that have one are there a second time under their old name
 */
export function exposition(format: Exposition, parts: readonly Samples[], legacyNames: boolean): string {
  const sections: string[] = [];
  for (const name of METRIC_NAMES) {
    const row = metricRow(name);
    if (row.histogram === true && parts.every((part) => part[name] === undefined)) continue;
    const lines = parts.map((part) => part[name] ?? "").join("");
    sections.push(head(format, name, name) + lines);
    if (legacyNames && row.legacy !== undefined)
      sections.push(head(format, row.legacy, name) + lines.replaceAll(new RegExp(`^${name}`, "gm"), row.legacy));
  }
  return sections.join("") + (format === "openmetrics" ? "# EOF\n" : "");
}

function head(format: Exposition, shown: string, name: MetricName): string {
  const { type, help } = metricRow(name);
  const open = format === "openmetrics";
  const family = open && type === "counter" ? shown.replace(/_total$/, "") : shown;
  const kind = open && type === "untyped" ? "unknown" : type;
  const escapedHelp = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return open
    ? `# TYPE ${family} ${kind}\n# HELP ${family} ${escapedHelp}\n`
    : `# HELP ${family} ${escapedHelp}\n# TYPE ${family} ${kind}\n`;
}

/** What a scraper wants, by its Accept header: OpenMetrics when it is named with at least the weight of anything else. */
export function expositionFor(accept: string | undefined): Exposition {
  if (accept === undefined) return "prometheus";
  const weights = accept.split(",").map((entry) => {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    const given = Object.fromEntries(parameters.map((parameter) => parameter.split("=", 2) as [string, string]));
    const weight = Number(given["q"] ?? 1);
    const known = type === "application/openmetrics-text" && (given["version"] === undefined || given["version"] === "1.0.0");
    return { open: known, weight: Number.isNaN(weight) ? 0 : weight, type };
  });
  const best = (fits: (one: (typeof weights)[number]) => boolean): number =>
    Math.max(0, ...weights.filter(fits).map(({ weight }) => weight));
  const open = best((one) => one.open);
  return open > 0 && open >= best(({ type }) => type === "text/plain" || type === "*/*" || type === "text/*")
    ? "openmetrics"
    : "prometheus";
}
