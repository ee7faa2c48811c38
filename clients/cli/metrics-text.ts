/**
 * Reading what `/metrics` answers: the Prometheus text format, version 0.0.4.
 *
 * Lines that this does not understand are an error and not left out: a number that is missing would look like none.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { usageError } from "./usage-error.ts";

/** One series and its value now. */
export interface Sample {
  /** With the suffix of a histogram, if it has one: `_bucket`, `_sum`, `_count`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Series of one name. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;
const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };
const unescaped = (text: string): string => text.replace(/\\[n"\\]/g, (escape) => ESCAPES[escape] as string);

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  let end = 0;
  for (const match of text.matchAll(LABEL)) {
    labels[match[1] as string] = unescaped(match[2] as string);
    end = match.index + match[0].length;
  }
  if (end !== text.length) throw notMetrics(line);
  return labels;
}

function numberOf(text: string, line: string): number {
  if (text === "NaN") return Number.NaN;
  const infinite = /^([+-]?)Inf$/.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  const value = Number(text);
  if (Number.isNaN(value)) throw notMetrics(line);
  return value;
}

const notMetrics = (line: string) => usageError(`the answer is not metrics: '${line.slice(0, 80)}'`);

/** The families, in the order of the text. @throws {HsmError} INVALID_REQUEST  the text is something else */
export function parseMetrics(text: string): readonly Family[] {
  const families: { name: string; type: string; help: string; samples: Sample[] }[] = [];
  const familyOf = (name: string) => {
    const last = families.at(-1);
    if (last !== undefined && (last.name === name || (SPREAD.has(last.type) && name.replace(/_(bucket|sum|count)$/, "") === last.name)))
      return last;
    const made = { name, type: "untyped", help: "", samples: [] };
    families.push(made);
    return made;
  };
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === "HELP") familyOf(name).help = unescaped(rest);
    else if (kind === "TYPE") familyOf(name).type = rest;
    else if (!line.startsWith("#")) {
      const [, series, labels = "", value = ""] = SAMPLE.exec(line) ?? [];
      if (series === undefined) throw notMetrics(line);
      familyOf(series).samples.push({ name: series, labels: labelsOf(labels, line), value: numberOf(value, line) });
    }
  }
  return families;
}

/** One line of what people see: a series, and what is to be told of it. */
export interface Reading {
  readonly name: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The value; of a histogram or summary how often something was observed. */
  readonly value: number;
  /** Of a histogram or summary that observed something. */
  readonly mean?: number;
  /** What a share of the observations did not exceed, by the share: `0.5`. */
  readonly quantiles?: Readonly<Record<string, number>>;
}

/** Types whose families have several series for each set of labels. */
const SPREAD: ReadonlySet<string> = new Set(["histogram", "summary"]);
/** The shares that are told of a histogram. */
const SHARES = [0.5, 0.95] as const;

interface Spread {
  readonly labels: Readonly<Record<string, string>>;
  readonly buckets: [bound: number, seen: number][];
  readonly quantiles: Record<string, number>;
  sum: number;
  count: number;
}

/**
 * Series as readings: a histogram or a summary is one for each set of labels.
 *
 * A histogram's quantile is the upper bound of the bucket it falls into, so that it is never told as less than it is; it is
 * infinite beyond the last bound. A summary's is the server's own.
 */
export function readingsOf({ name, type, samples }: Family): readonly Reading[] {
  if (!SPREAD.has(type)) return samples.map(({ labels, value }) => ({ name, type, labels, value }));
  const groups = new Map<string, Spread>();
  for (const { name: series, labels, value } of samples) {
    const { le, quantile, ...own } = labels;
    const key = JSON.stringify(Object.entries(own).sort());
    const group = groups.get(key) ?? { labels: own, buckets: [], quantiles: {}, sum: 0, count: 0 };
    groups.set(key, group);
    if (le !== undefined) group.buckets.push([le === "+Inf" ? Infinity : Number(le), value]);
    else if (quantile !== undefined) group.quantiles[quantile] = value;
    else if (series.endsWith("_sum")) group.sum = value;
    else group.count = value;
  }
  return [...groups.values()].map(({ labels, buckets, quantiles, sum, count }) => {
    if (count === 0) return { name, type, labels, value: count };
    const bound = (share: number): number => buckets.find(([, seen]) => seen >= share * count)?.[0] ?? Infinity;
    if (type === "histogram") for (const share of SHARES) quantiles[String(share)] = bound(share);
    return { name, type, labels, value: count, mean: sum / count, quantiles };
  });
}
