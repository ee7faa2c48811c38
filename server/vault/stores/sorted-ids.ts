/**
 * The ids of every namespace in byte order, in memory: what a listing of files walks along.
 */
import type { RecordKey } from "../objects/record.ts";
import { place } from "./entry-index.ts";

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
    for (let at = place(ids, last, true); at < ids.length;) {
      last = ids[at] as string;
      yield last;
      // The list may have changed; ids that went or came before this one move it.
      at = ids[at] === last ? at + 1 : place(ids, last, true);
    }
  }

  /** Takes note of a change. `left` says whether any record of the id is left; asked only when one goes. */
  note(key: RecordKey, present: boolean, left: () => boolean): void {
    let ids = this.#ids.get(key.namespace);
    if (ids === undefined) this.#ids.set(key.namespace, (ids = []));
    if (key.id === "") return;
    const at = place(ids, key.id, false);
    const known = ids[at] === key.id;
    if (present && !known) ids.splice(at, 0, key.id);
    else if (!present && known && !left()) ids.splice(at, 1);
  }
}
