/**
 * How many keys a namespace has, by `algorithm/state`: for quotas and metrics.
 */

export type Census = Map<string, number>;

/** Counts one key more, or less. */
export function adjust(census: Census, counted: string, by: number): void {
  census.set(counted, (census.get(counted) ?? 0) + by);
}

/** Keys that are not destroyed, of one algorithm or of all: what a quota counts. */
export function living(census: ReadonlyMap<string, number>, algorithm?: string): number {
  let keys = 0;
  for (const [counted, number] of census)
    if (!counted.endsWith("/destroyed") && (algorithm === undefined || counted.startsWith(`${algorithm}/`))) keys += number;
  return keys;
}
