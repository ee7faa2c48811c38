/** Trees of configuration values as they are before they are checked, and how one is laid over another. */

/** Sections by name, values at the leaves. */
export interface Tree {
  readonly [name: string]: unknown;
}

/** True for a section; lists and values are not. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lays `upper` over `lower`: sections join, lists and values replace. Neither is changed. */
export function overlay(lower: Tree, upper: Tree): Tree {
  const joined = new Map(Object.entries(lower));
  for (const [name, value] of Object.entries(upper)) {
    const below = joined.get(name);
    joined.set(name, isTree(value) && isTree(below) ? overlay(below, value) : value);
  }
  return Object.fromEntries(joined);
}

/** The value at a path, or undefined. Only own properties are looked at. */
export function valueAt(tree: unknown, path: readonly (string | number)[]): unknown {
  let at: unknown = tree;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string | number, unknown>)[name];
  }
  return at;
}

/** The tree with a value put at a path; sections on the way are made. */
export function withValue(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [first, ...rest] = path;
  if (first === undefined) return tree;
  const below = Object.hasOwn(tree, first) ? tree[first] : undefined;
  const replaced = rest.length === 0 ? value : withValue(isTree(below) ? below : {}, rest, value);
  return Object.fromEntries([...Object.entries(tree).filter(([name]) => name !== first), [first, replaced]]);
}

/** The tree without what is at a path; of a list the whole is taken, since the rest of it means something else. */
export function withoutValue(tree: Tree, path: readonly (string | number)[]): Tree {
  const [first, second] = path;
  if (first === undefined || typeof first === "number" || !Object.hasOwn(tree, first)) return tree;
  const rest = Object.entries(tree).filter(([name]) => name !== first);
  const below = tree[first];
  if (second === undefined || typeof second === "number" || !isTree(below)) return Object.fromEntries(rest);
  return Object.fromEntries([...rest, [first, withoutValue(below, path.slice(1))]]);
}
