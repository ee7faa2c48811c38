/** A layer of configuration: a tree of values and a way to say where each one was written. */
import type { KeyPath } from "./schema-walk.ts";
import type { Place } from "./mistake.ts";
import { type Tree, valueAt } from "./tree.ts";

export interface Layer {
  readonly tree: Tree;
  /** Where the value at a path was written; the nearest place above it when it is not there itself. */
  readonly placeOf: (path: KeyPath) => Place;
}

/** Where the value that counts was written: the highest layer that has it. `layers` is lowest first. */
export function placeOfEffective(layers: readonly Layer[], path: KeyPath): Place {
  for (let length = path.length; length > 0; length--) {
    const above = path.slice(0, length);
    const layer = layers.findLast(({ tree }) => valueAt(tree, above) !== undefined);
    if (layer !== undefined) return layer.placeOf(above);
  }
  return { source: "configuration" };
}
