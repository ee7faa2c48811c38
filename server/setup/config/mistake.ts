/**
 * One mistake in the configuration: where it stands, which key it is about, what is wrong, what would be right.
 * Mistakes are collected, not thrown, so that an operator sees all of them at once.
 *
 * @security a mistake never repeats a value that might be a secret.
 */
import type { KeyPath } from "./schema-walk.ts";

/** A place in a layer: a line of a file, or only the name of a variable or flag. */
export interface Place {
  /** File path, `environment variable NAME`, `flag --name` or `preset NAME`. */
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
}

export interface Mistake {
  readonly place: Place;
  /** Dotted key, or "" when the mistake is about a whole file. */
  readonly key: string;
  readonly problem: string;
  /** What would be right. */
  readonly remedy: string;
}

/** `server.port`, `auth.certificates[0].roles`. */
export function dotted(path: KeyPath): string {
  return path.map((name, at) => (typeof name === "number" ? `[${name}]` : `${at === 0 ? "" : "."}${name}`)).join("");
}

/** `config.yaml:3:9: server.port: is "x"; expected a whole number from 0 to 65535`. */
export function sentence({ place, key, problem, remedy }: Mistake): string {
  const where = place.line === undefined ? place.source : `${place.source}:${place.line}:${place.column ?? 1}`;
  return [where, ...(key === "" ? [] : [key]), `${problem}; ${remedy}`].join(": ");
}

/** Letters to change to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[to.length] ?? 0;
}

/** The known word nearest to a wrong one, or undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const normal = word.toLowerCase().replaceAll("-", "_").slice(0, 100);
  const ranked = known.map((candidate) => ({ candidate, steps: distance(normal, candidate) })).sort((a, b) => a.steps - b.steps);
  const best = ranked[0];
  return best !== undefined && best.steps <= Math.max(2, Math.floor(best.candidate.length / 2)) ? best.candidate : undefined;
}
