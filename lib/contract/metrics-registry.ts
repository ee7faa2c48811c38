/**
 * The series of one process: counters, distributions, and numbers that are asked for when they are read.
 *
 * A child series is looked up once per label set and then costs an addition. Label sets are bounded per series; beyond
 * the bound the label that callers could multiply becomes `other`, and beyond twice the bound every label does.
 *
 * Names, types, labels and help stand in metrics.ts: what is not there cannot be made here.
 */
import { METRICS, metricRow, type MetricName, type MetricRow, type Samples } from "./metrics.ts";
import { labelText, numberText } from "./metrics-text.ts";

/** Label sets one series may have before names are counted together. */
export const MOST_LABEL_SETS = 2_000;
const OTHER = "other";

export interface Counter {
  add(amount?: number): void;
}

export interface Distribution {
  /** @param value in the metric's unit */
  observe(value: number): void;
}

/** Label values in the order of the row, and a number. */
export type Sample = readonly [labels: readonly string[], value: number];

type NameOf<T extends MetricRow["type"]> = { [N in MetricName]: (typeof METRICS)[N]["type"] extends T ? N : never }[MetricName];

/** Label values as they are counted when there are this many label sets already. */
function bounded(row: MetricRow, values: readonly string[], sets: number): readonly string[] {
  if (sets < MOST_LABEL_SETS) return values;
  const name = row.bounded;
  if (name === undefined || sets >= 2 * MOST_LABEL_SETS) return values.map(() => OTHER);
  return values.map((value, index) => (row.labels[index] === name ? OTHER : value));
}

class Family<T> {
  readonly #row: MetricRow;
  readonly #make: () => T;
  readonly children = new Map<string, { readonly labels: string; readonly child: T }>();

  constructor(row: MetricRow, make: () => T) {
    this.#row = row;
    this.#make = make;
  }

  get(values: readonly string[]): T {
    const known = this.children.get(values.join("\u0000"));
    if (known !== undefined) return known.child;
    const counted = bounded(this.#row, values, this.children.size);
    const key = counted.join("\u0000");
    const other = this.children.get(key);
    if (other !== undefined) return other.child;
    const child = this.#make();
    this.children.set(key, { labels: labelText(this.#row.labels, counted), child });
    return child;
  }
}

class CounterChild implements Counter {
  value = 0;
  add(amount = 1): void {
    this.value += amount;
  }
}

/** Upper bounds that resolve microseconds to seconds, and the sizes of batches. */
const LOG_STEP = Math.log(1.15);
const FINE_BOUNDS = Array.from({ length: 180 }, (_, index) => 1e-6 * 1.15 ** index);

class DistributionChild implements Distribution {
  readonly #buckets: readonly number[];
  readonly counts: number[];
  readonly #fine = new Uint32Array(FINE_BOUNDS.length + 1);
  sum = 0;
  count = 0;
  #greatest = 0;

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.counts = buckets.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count += 1;
    if (value > this.#greatest) this.#greatest = value;
    for (let index = this.#buckets.length - 1; index >= 0 && value <= (this.#buckets[index] as number); index -= 1)
      this.counts[index] = (this.counts[index] as number) + 1;
    const fine = value <= 1e-6 ? 0 : Math.min(FINE_BOUNDS.length, Math.ceil(Math.log(value / 1e-6) / LOG_STEP));
    this.#fine[fine] = (this.#fine[fine] as number) + 1;
  }

  /** Upper bound of the bucket that holds this quantile: at most 15 % above the truth. NaN before anything was seen. */
  quantile(q: number): number {
    if (this.count === 0) return Number.NaN;
    const wanted = Math.ceil(q * this.count);
    let seen = 0;
    for (const [index, count] of this.#fine.entries()) {
      seen += count;
      if (seen >= wanted && seen > 0) return Math.min(this.#greatest, FINE_BOUNDS[index] ?? this.#greatest);
    }
    return this.#greatest;
  }
}

const QUANTILES = [0.5, 0.9, 0.99] as const;

const braces = (...parts: readonly string[]): string => {
  const text = parts.filter((part) => part !== "").join(",");
  return text === "" ? "" : `{${text}}`;
};

export class MetricsRegistry {
  readonly #readers = new Map<MetricName, () => string>();

  /** A number that only grows. @returns the child of a label set */
  counter(name: NameOf<"counter">): (...values: string[]) => Counter {
    const family = new Family(metricRow(name), () => new CounterChild());
    this.#add(name, () =>
      [...family.children.values()].map(({ labels, child }) => `${name}${braces(labels)} ${numberText(child.value)}\n`).join(""),
    );
    return (...values) => family.get(values);
  }

  /** Numbers kept elsewhere, asked for when the metrics are read; undefined or nothing = there are none. */
  observed(name: NameOf<"counter" | "gauge">, read: () => number | undefined | Iterable<Sample>): void {
    const row = metricRow(name);
    this.#add(name, () => {
      const value = read();
      if (value === undefined) return "";
      const samples: Iterable<Sample> = typeof value === "number" ? [[[], value]] : value;
      const sums = new Map<string, number>();
      for (const [values, number] of samples) {
        let labels = labelText(row.labels, values);
        if (!sums.has(labels)) labels = labelText(row.labels, bounded(row, values, sums.size));
        sums.set(labels, (sums.get(labels) ?? 0) + number);
      }
      return [...sums].map(([labels, sum]) => `${name}${braces(labels)} ${numberText(sum)}\n`).join("");
    });
  }

  /**
   * A distribution as quantiles, sum and count; and its buckets, when it has any, as the series `NAME_bucket`.
   *
   * @param buckets upper bounds, rising
   */
  summary(name: NameOf<"summary">, buckets?: { readonly name: NameOf<"untyped">; readonly bounds: readonly number[] }) {
    const bounds = buckets?.bounds ?? [];
    const family = new Family(metricRow(name), () => new DistributionChild(bounds));
    this.#add(name, () =>
      [...family.children.values()]
        .map(({ labels, child }) => {
          const quantiles = QUANTILES.map((q) => `${name}${braces(labels, `quantile="${q}"`)} ${numberText(child.quantile(q), 4)}\n`);
          return `${quantiles.join("")}${name}_sum${braces(labels)} ${numberText(child.sum)}\n${name}_count${braces(labels)} ${child.count}\n`;
        })
        .join(""),
    );
    if (buckets !== undefined && bounds.length > 0)
      this.#add(buckets.name, () =>
        [...family.children.values()]
          .map(({ labels, child }) =>
            [...bounds.map((bound, index) => [numberText(bound), child.counts[index]] as const), ["+Inf", child.count] as const]
              .map(([le, count]) => `${buckets.name}${braces(labels, `le="${le}"`)} ${count}\n`)
              .join(""),
          )
          .join(""),
      );
    return (...values: string[]): Distribution => family.get(values);
  }

  /** Everything as it is now. */
  samples(): Samples {
    return Object.fromEntries([...this.#readers].map(([name, read]) => [name, read()]));
  }

  #add(name: MetricName, read: () => string): void {
    if (this.#readers.has(name)) throw new TypeError(`${name} is measured twice`);
    this.#readers.set(name, read);
  }
}
