/**
 * Spans and samples as OTLP/JSON: the bodies of `/v1/traces` and `/v1/metrics`. Nothing is sent from here.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import { METRIC_NAMES, metricRow, type MeasuredPart, type MetricName, type Samples } from "@keystead/contract/metrics";
import { OTLP_SCOPE, otlpResource, otlpText, otlpTime, type OtlpAttribute } from "@keystead/contract/otlp";
import type { Span } from "@keystead/contract/spans";

const KIND = Object.freeze({ internal: 1, server: 2 } as const);
const STATUS = Object.freeze({ ok: 1, error: 2 } as const);
const CUMULATIVE = 2;

/** One server is one service; its processes are told apart. */
const resourceOf = (part: MeasuredPart): object => otlpResource(otlpText("keystead.part", part));

/** The body of `/v1/traces`. */
export function traceRequest(parts: Readonly<Partial<Record<MeasuredPart, readonly Span[]>>>): object {
  return {
    resourceSpans: Object.entries(parts)
      .filter(([, spans]) => spans.length > 0)
      .map(([part, spans]) => ({
        resource: resourceOf(part as MeasuredPart),
        scopeSpans: [{ scope: OTLP_SCOPE, spans: spans.map(spanOf) }],
      })),
  };
}

const spanOf = ({ traceId, spanId, parentId, name, kind, start, end, code, attributes }: Span) => ({
  traceId,
  spanId,
  ...(parentId === "" ? {} : { parentSpanId: parentId }),
  name,
  kind: KIND[kind],
  startTimeUnixNano: otlpTime(start),
  endTimeUnixNano: otlpTime(end),
  attributes: [
    ...Object.entries(attributes).map(([key, value]) => otlpText(key, value)),
    ...(code === "OK" ? [] : [otlpText("error.type", code)]),
  ],
  status: { code: code === "OK" ? STATUS.ok : STATUS.error },
});

/** One line of samples, taken apart. */
interface Point {
  readonly suffix: string;
  readonly labels: readonly (readonly [string, string])[];
  readonly value: number;
}

const LINE = /^(\S+?)(?:\{(.*)\})? (\S+)$/;
const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));

function pointsOf(name: MetricName, lines: string): Point[] {
  return lines
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      const [, series, labels = "", value = ""] = LINE.exec(line) ?? [];
      if (series === undefined) return [];
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = "", text = ""]) => [label, unescaped(text)] as const,
      );
      return [{ suffix: series.slice(name.length), labels: pairs, value: Number(value) }];
    });
}

const attributesOf = (labels: Point["labels"]): OtlpAttribute[] => labels.map(([label, value]) => otlpText(label, value));

/**
 * The body of `/v1/metrics`. Buckets beside a summary are left out: they say nothing that an OTLP summary of the same
 * name does not.
 *
 * @param start when the process began, and now, in milliseconds since the epoch
 */
export function metricRequest(parts: Readonly<Partial<Record<MeasuredPart, Samples>>>, start: number, now: number): object {
  const times = { startTimeUnixNano: otlpTime(start), timeUnixNano: otlpTime(now) };
  return {
    resourceMetrics: Object.entries(parts).map(([part, samples]) => ({
      resource: resourceOf(part as MeasuredPart),
      scopeMetrics: [{ scope: OTLP_SCOPE, metrics: METRIC_NAMES.flatMap((name) => metricOf(name, samples[name] ?? "", times)) }],
    })),
  };
}

function metricOf(name: MetricName, lines: string, times: object): object[] {
  const points = pointsOf(name, lines).filter(({ value }) => Number.isFinite(value));
  const { type, help } = metricRow(name);
  if (points.length === 0 || type === "untyped") return [];
  const about = { name, description: help };
  if (type === "summary") return [{ ...about, summary: { dataPoints: summaryPoints(points, times) } }];
  const dataPoints = points.map(({ labels, value }) => ({ ...times, attributes: attributesOf(labels), asDouble: value }));
  if (type === "gauge") return [{ ...about, gauge: { dataPoints } }];
  return [{ ...about, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } }];
}

function summaryPoints(points: readonly Point[], times: object): object[] {
  const groups = new Map<string, { labels: Point["labels"]; quantiles: object[]; sum: number; count: number }>();
  for (const { suffix, labels, value } of points) {
    const own = labels.filter(([label]) => label !== "quantile");
    const key = JSON.stringify(own);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { labels: own, quantiles: [], sum: 0, count: 0 }));
    if (suffix === "_sum") group.sum = value;
    else if (suffix === "_count") group.count = value;
    else group.quantiles.push({ quantile: Number(labels.find(([label]) => label === "quantile")?.[1]), value });
  }
  return [...groups.values()].map(({ labels, quantiles, sum, count }) => ({
    ...times,
    attributes: attributesOf(labels),
    count: String(count),
    sum,
    quantileValues: quantiles,
  }));
}
