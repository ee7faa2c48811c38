/**
 * The index entries of keys in memory, for stores that keep none on the disk: made of the records' own headers, so it
 * cannot differ from them. This file must never read a record by itself.
 */
import { writtenIndex, type RecordKey } from "../objects/record.ts";

export class EntryIndex {
  /** Sorted ids, by `namespace entry`. Neither has a space in it. */
  readonly #ids = new Map<string, string[]>();
  /** What each key is filed under, by `namespace id`. */
  readonly #entries = new Map<string, readonly string[]>();

  /** Files a key by the bytes of its record, in the place of what was known; undefined = the key is gone. Other kinds are not filed. */
  note({ namespace, kind, id }: RecordKey, bytes: Buffer | undefined): void {
    if (kind !== "key") return;
    const name = `${namespace} ${id}`;
    const before = this.#entries.get(name) ?? [];
    const now = writtenIndex(bytes);
    for (const entry of before) if (!now.includes(entry)) this.#drop(`${namespace} ${entry}`, id);
    for (const entry of now) if (!before.includes(entry)) this.#add(`${namespace} ${entry}`, id);
    if (bytes === undefined) this.#entries.delete(name);
    else this.#entries.set(name, now);
  }

  /** Whether anything was noted of a key. */
  knows(namespace: string, id: string): boolean {
    return this.#entries.has(`${namespace} ${id}`);
  }

  isFiled(namespace: string, id: string, entry: string): boolean {
    return this.#entries.get(`${namespace} ${id}`)?.includes(entry) === true;
  }

  /** Ids that have every entry, after this one, in order. */
  find(namespace: string, entries: readonly string[], after: string, limit: number): string[] {
    const lists = entries.map((entry) => this.#ids.get(`${namespace} ${entry}`) ?? []);
    const [fewest = [], ...others] = lists.sort((a, b) => a.length - b.length);
    const found: string[] = [];
    for (let at = place(fewest, after, true); at < fewest.length && found.length < limit; at += 1) {
      const id = fewest[at] as string;
      if (others.every((ids) => ids[place(ids, id, false)] === id)) found.push(id);
    }
    return found;
  }

  #add(list: string, id: string): void {
    let ids = this.#ids.get(list);
    if (ids === undefined) this.#ids.set(list, (ids = []));
    // Ids that are made here rise with time: most often the new one is the last.
    if (ids.length === 0 || (ids.at(-1) as string) < id) ids.push(id);
    else ids.splice(place(ids, id, false), 0, id);
  }

  #drop(list: string, id: string): void {
    const ids = this.#ids.get(list) ?? [];
    const at = place(ids, id, false);
    if (ids[at] === id) ids.splice(at, 1);
    if (ids.length === 0) this.#ids.delete(list);
  }
}

/** Where `id` stands in the sorted list, or would; with `past`, the place after it. */
export function place(ids: readonly string[], id: string, past: boolean): number {
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
