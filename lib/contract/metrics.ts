/**
 * Metrics in Prometheus text format: counters, gauges, histograms with quantiles.
 *
 * A child series is looked up once per label set and then costs an addition. Label sets are bounded per metric; what
 * exceeds the bound is counted under `other`, so that no caller can make the server remember names without end.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */

export type Labels = Readonly<Record<string, string>>;

/** Label sets one metric may have. */
const MAX_CHILDREN = 2_000;

const escape = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

/** Labels as they stand in the text, without braces. */
function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${escape(values[index] ?? "")}"`).join(",");
}

interface Metric {
  readonly name: string;
  render(): string;
}

export interface Counter {
  add(amount?: number): void;
}

export interface Histogram {
  /** @param value in the metric's unit */
  observe(value: number): void;
}

class Family<T> {
  readonly #names: readonly string[];
  readonly #make: () => T;
  readonly children = new Map<string, { readonly labels: string; readonly child: T }>();

  constructor(names: readonly string[], make: () => T) {
    this.#names = names;
    this.#make = make;
  }

  get(values: readonly string[]): T {
    const key = values.join("\u0000");
    const known = this.children.get(key);
    if (known !== undefined) return known.child;
    if (this.children.size >= MAX_CHILDREN && values.some((value) => value !== "other")) return this.get(values.map(() => "other"));
    const child = this.#make();
    this.children.set(key, { labels: labelText(this.#names, values), child });
    return child;
  }
}

const braces = (...parts: readonly string[]): string => {
  const text = parts.filter((part) => part !== "").join(",");
  return text === "" ? "" : `{${text}}`;
};

class CounterChild implements Counter {
  value = 0;
  add(amount = 1): void {
    this.value += amount;
  }
}

/** Upper bounds that resolve microseconds to seconds; the published `buckets` are read off them. */
const LOG_STEP = Math.log(1.15);
const FINE_BOUNDS = Array.from({ length: 120 }, (_, index) => 1e-6 * 1.15 ** index);

class HistogramChild implements Histogram {
  readonly #buckets: readonly number[];
  readonly counts: number[];
  readonly #fine = new Uint32Array(FINE_BOUNDS.length + 1);
  sum = 0;
  count = 0;

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.counts = buckets.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count += 1;
    for (let index = this.#buckets.length - 1; index >= 0 && value <= (this.#buckets[index] as number); index -= 1)
      this.counts[index] = (this.counts[index] as number) + 1;
    const fine = value <= 1e-6 ? 0 : Math.min(FINE_BOUNDS.length, Math.ceil(Math.log(value / 1e-6) / LOG_STEP));
    this.#fine[fine] = (this.#fine[fine] as number) + 1;
  }

  /** Upper bound of the bucket that holds this quantile: at most 15 % above the truth. */
  quantile(q: number): number {
    const wanted = Math.ceil(q * this.count);
    let seen = 0;
    for (const [index, count] of this.#fine.entries()) {
      seen += count;
      if (seen >= wanted && seen > 0) return FINE_BOUNDS[Math.min(index, FINE_BOUNDS.length - 1)] as number;
    }
    return 0;
  }
}

const QUANTILES = [0.5, 0.9, 0.99] as const;

export class MetricsRegistry {
  readonly #metrics: Metric[] = [];

  /** A number that only grows. @returns the child of a label set */
  counter(name: string, help: string, labels: readonly string[] = []): (...values: string[]) => Counter {
    const family = new Family(labels, () => new CounterChild());
    this.#metrics.push({
      name,
      render: () =>
        head(name, help, "counter") +
        [...family.children.values()].map(({ labels: text, child }) => `${name}${braces(text)} ${child.value}\n`).join(""),
    });
    return (...values) => family.get(values);
  }

  /** Numbers asked for when the metrics are read. */
  gauge(name: string, help: string, read: () => number | Iterable<readonly [Labels, number]>): void {
    this.#observed(name, help, "gauge", read);
  }

  /** Numbers that only grow and are kept elsewhere. */
  observedCounter(name: string, help: string, read: () => number | Iterable<readonly [Labels, number]>): void {
    this.#observed(name, help, "counter", read);
  }

  #observed(name: string, help: string, type: string, read: () => number | Iterable<readonly [Labels, number]>): void {
    this.#metrics.push({
      name,
      render() {
        const value = read();
        const samples: Iterable<readonly [Labels, number]> = typeof value === "number" ? [[{}, value]] : value;
        return (
          head(name, help, type) +
          [...samples]
            .map(([labels, number]) => `${name}${braces(labelText(Object.keys(labels), Object.values(labels)))} ${number}\n`)
            .join("")
        );
      },
    });
  }

  /**
   * A distribution, as quantiles and, when there are bounds, as histogram buckets under `NAME_bucket`.
   *
   * @param buckets upper bounds, rising; an empty list leaves the buckets out
   */
  histogram(name: string, help: string, buckets: readonly number[], labels: readonly string[] = []): (...values: string[]) => Histogram {
    const family = new Family(labels, () => new HistogramChild(buckets));
    this.#metrics.push({
      name,
      render() {
        const children = [...family.children.values()];
        const summary = children
          .map(({ labels: text, child }) => {
            const quantiles = QUANTILES.map((q) => `${name}${braces(text, `quantile="${q}"`)} ${child.quantile(q).toPrecision(4)}\n`).join(
              "",
            );
            return `${quantiles}${name}_sum${braces(text)} ${child.sum}\n${name}_count${braces(text)} ${child.count}\n`;
          })
          .join("");
        // One name can be a summary or a histogram, not both: the buckets are a family of counters beside it.
        const bucketLines =
          buckets.length === 0
            ? ""
            : head(`${name}_bucket`, `${help} Buckets.`, "counter") +
              children
                .map(({ labels: text, child }) => {
                  const bounded = buckets
                    .map((bound, index) => `${name}_bucket${braces(text, `le="${bound}"`)} ${child.counts[index]}\n`)
                    .join("");
                  return `${bounded}${name}_bucket${braces(text, 'le="+Inf"')} ${child.count}\n`;
                })
                .join("");
        return `${head(name, help, "summary")}${summary}${bucketLines}`;
      },
    });
    return (...values) => family.get(values);
  }

  /** The whole text. */
  render(): string {
    return this.#metrics.map((metric) => metric.render()).join("");
  }
}

const head = (name: string, help: string, type: string): string =>
  `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
