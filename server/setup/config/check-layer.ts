/**
 * Checks one layer against the schema: unknown keys, wrong kinds, secrets written out, keys whose effect is not
 * built. Every mistake of the layer is found, whatever other layers say.
 *
 * @security a value is shown only where the key cannot be a secret and the value does not look like one.
 */
import type { Layer } from "./layer.ts";
import { type Mistake, dotted, nearest } from "./mistake.ts";
import { NOT_BUILT } from "./not-built.ts";
import { type KeyPath, allKeys, layerSchema, metaAt, namesBelow } from "./schema-walk.ts";
import { isTree, valueAt } from "./tree.ts";

/** A mistake about a key of the layer. */
export interface LayerMistake extends Mistake {
  readonly path: KeyPath;
}

/** The value as shown in a message, or a word for it when it is long, composed, or might be a secret. */
function shown(value: unknown, secret: boolean): string {
  if (value === undefined) return "it is missing";
  if (value === null) return "it is empty";
  if (secret) return "this is not a reference";
  if (typeof value === "object") return "its form is wrong";
  const text = JSON.stringify(value);
  const telling = typeof value === "string" && (/^(?:base64|hex):/i.test(value) || /[A-Za-z0-9+/_=-]{32,}/.test(value) || text.length > 60);
  return telling ? "its value is wrong" : `${text} is wrong`;
}

/** An unknown key, with the known one that was probably meant: a sibling, or the same name in another section. */
function unknownKey(layer: Layer, path: KeyPath): LayerMistake {
  const name = String(path.at(-1));
  const sibling = nearest(name, namesBelow(path.slice(0, -1)));
  const elsewhere = allKeys().find(({ key }) => key.split(".").at(-1) === name)?.key;
  const meant = namesBelow(path.slice(0, -1)).includes(name)
    ? undefined
    : (elsewhere ?? (sibling === undefined ? undefined : dotted([...path.slice(0, -1), sibling])));
  const remedy = meant === undefined ? `known here: ${namesBelow(path.slice(0, -1)).join(", ") || "nothing"}` : `did you mean ${meant}?`;
  return { path, place: layer.placeOf(path), key: dotted(path), problem: "there is no such key", remedy };
}

/** Kinds and unknown keys. */
function schemaMistakes(layer: Layer): LayerMistake[] {
  const result = layerSchema.safeParse(layer.tree);
  if (result.success) return [];
  return result.error.issues.flatMap((issue): LayerMistake[] => {
    const path = issue.path as KeyPath;
    if (issue.code === "unrecognized_keys") return issue.keys.map((name) => unknownKey(layer, [...path, name]));
    const { expects, secret = false } = metaAt(path);
    const value = valueAt(layer.tree, path);
    const section = namesBelow(path).length > 0 && typeof path.at(-1) !== "number";
    const problem =
      issue.code === "invalid_key" ? "the name is not allowed" : section && !isTree(value) ? "this is a section" : shown(value, secret);
    const remedy = section
      ? expects === undefined
        ? `its keys are ${namesBelow(path).join(", ")}`
        : `expected ${expects}`
      : `expected ${expects ?? "another form"}`;
    return [{ path, place: layer.placeOf(path), key: dotted(path), problem, remedy }];
  });
}

/** Paths in the layer that a dotted key with `*` stands for. */
function matches(layer: Layer, key: string): KeyPath[] {
  return key.split(".").reduce<KeyPath[]>(
    (paths, name) => {
      if (name !== "*") return paths.map((path) => [...path, name]);
      return paths.flatMap((path) => {
        const at = valueAt(layer.tree, path);
        return isTree(at) ? Object.keys(at).map((below) => [...path, below]) : [];
      });
    },
    [[]],
  );
}

/** Keys and values without effect. */
function notBuiltMistakes(layer: Layer): LayerMistake[] {
  return NOT_BUILT.flatMap(({ key, built, problem, remedy }) =>
    matches(layer, key)
      .filter((path) => {
        const value = valueAt(layer.tree, path);
        return value !== undefined && built?.includes(value) !== true;
      })
      .map((path): LayerMistake => ({ path, place: layer.placeOf(path), key: dotted(path), problem: `refused: ${problem}`, remedy })),
  );
}

/** Every mistake of a layer, in the order of its lines; one per key, the refusal by name first. */
export function checkLayer(layer: Layer): readonly LayerMistake[] {
  const refused = notBuiltMistakes(layer);
  const named = new Set(refused.map(({ key }) => key));
  return [...refused, ...schemaMistakes(layer).filter(({ key }) => !named.has(key))].sort(
    (a, b) => (a.place.line ?? 0) - (b.place.line ?? 0) || (a.place.column ?? 0) - (b.place.column ?? 0),
  );
}
