/**
 * The ids of every namespace in byte order, in memory: what a listing of files walks along.
 */
import type { RecordKey } from "../objects/record.ts";

export class SortedIds {
  readonly #ids = new Map<string, string[]>();

  /** @param found every namespace with its ids, in any order */
  constructor(found: Iterable<readonly [namespace: string, ids: readonly string[]]>) {
    for (const [namespace, ids] of found) this.#ids.set(namespace, ids.toSorted());
  }

  /** Names of namespaces, in order. */
  namespaces(): string[] {
    return [...this.#ids.keys()].sort();
  }

  /** Ids after this one, in order; ids that come while it is walked are met when their turn is yet to come. */
  *after(namespace: string, after: string): Generator<string> {
    const ids = this.#ids.get(namespace) ?? [];
    let last = after;
    for (let at = position(ids, last, true); at < ids.length;) {
      last = ids[at] as string;
      yield last;
      // The list may have changed; ids that went or came before this one move it.
      at = ids[at] === last ? at + 1 : position(ids, last, true);
    }
  }

  /** Takes note of a change. `left` says whether any record of the id is left; asked only when one goes. */
  note(key: RecordKey, present: boolean, left: () => boolean): void {
    let ids = this.#ids.get(key.namespace);
    if (ids === undefined) this.#ids.set(key.namespace, (ids = []));
    if (key.id === "") return;
    const at = position(ids, key.id, false);
    const known = ids[at] === key.id;
    if (present && !known) ids.splice(at, 0, key.id);
    else if (!present && known && !left()) ids.splice(at, 1);
  }
}

/** Where `id` stands in the sorted list, or would; with `past`, the place after it. */
function position(ids: readonly string[], id: string, past: boolean): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = ids[middle] as string;
    if (other < id || (past && other === id)) low = middle + 1;
    else high = middle;
  }
  return low;
}
