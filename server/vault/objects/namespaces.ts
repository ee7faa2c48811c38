/**
 * The namespaces of an open vault: their keys, how many keys each has, and the way through them.
 *
 * A namespace is counted once, by reading every key of it, and kept count of afterwards. The same reading finds the keys
 * that were written before there was an index; while there are any, whoever looks for keys looks through all of them.
 * This file must never change a record.
 */
import { createSecretKey, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { wipe } from "@keystead/crypto/wipe";
import { entriesFor } from "./attribute-index.ts";
import { currentKeyAttributes, type KeyAttributes, type NamespaceAttributes, type StoredKeyAttributes } from "./attributes.ts";
import { adjust, type Census } from "./census.ts";
import type { Hierarchy } from "./hierarchy.ts";
import { waysToFind, type KeyFilter } from "./key-filter.ts";
import { merged } from "./merged.ts";
import type { CurrentRecord, VaultedRecords } from "./vaulted-records.ts";

export interface NamespaceEntry {
  /** As they are now: a change that is durable exchanges them. */
  attributes: NamespaceAttributes;
  readonly kek: KeyObject;
  /** Keys by `algorithm/state`; counted on first need, kept up to date afterwards. */
  census: Census | undefined;
  /** The counting, while it is under way: changes wait for it, uses do not. */
  counting?: Promise<Census>;
  /** Keys whose records say nothing about an index, as far as they were met. */
  readonly unfiled: Set<string>;
  /** Counts the changes of the namespace's keys. */
  revision: number;
  /** Its destruction is under way: no key of it is made or changed any more. */
  ending?: true;
}

/** A key as a way through a namespace meets it. */
export interface MetKey {
  readonly id: string;
  readonly record: CurrentRecord<KeyAttributes>;
}

/** Most records that are read from the store at once; a scan may begin with fewer. */
const PAGE = 500;

const EVERYTHING: KeyFilter = Object.freeze({ algorithm: undefined, state: undefined, tags: [] });
/** What a key can be called (proto/hsm/hsm.proto). */
const KEY_ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

/** Whether the store's index knows every key. */
const allFiled = ({ census, unfiled }: NamespaceEntry): boolean => census !== undefined && unfiled.size === 0;

/** A namespace that has no keys yet. The bytes of its own key stay the caller's. */
export const newNamespace = (attributes: NamespaceAttributes, kek: Uint8Array): NamespaceEntry => ({
  attributes,
  kek: createSecretKey(kek),
  census: new Map(),
  unfiled: new Set(),
  revision: 0,
});

export class Namespaces {
  readonly #records: VaultedRecords;
  readonly #hierarchy: Hierarchy;
  readonly #listed: (namespace: string, keyId: string, attributes: KeyAttributes) => void;
  readonly #known = new Map<string, NamespaceEntry>();
  #lastRevision = -1;

  /** @param listed told of every key when its namespace is counted */
  constructor(
    records: VaultedRecords,
    hierarchy: Hierarchy,
    listed: (namespace: string, keyId: string, attributes: KeyAttributes) => void,
  ) {
    this.#records = records;
    this.#hierarchy = hierarchy;
    this.#listed = listed;
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; INTEGRITY_FAILURE */
  async get(namespace: string): Promise<NamespaceEntry> {
    const known = this.#known.get(namespace);
    if (known !== undefined) return known;
    const record = await this.#records.read<NamespaceAttributes>({ namespace, kind: "namespace", id: "", version: 0 }, this.#hierarchy.kek);
    if (record === undefined) throw new HsmError("OBJECT_NOT_FOUND", `no namespace '${namespace}'`);
    const again = this.#known.get(namespace);
    if (again !== undefined) return again;
    const entry: NamespaceEntry = { ...newNamespace(record.attributes, record.material), census: undefined };
    wipe(record.material);
    this.#known.set(namespace, entry);
    return entry;
  }

  /** What was read before, or undefined; nothing is read now. */
  known(namespace: string): NamespaceEntry | undefined {
    return this.#known.get(namespace);
  }

  /** All that were read before. */
  all(): { readonly namespace: string; readonly attributes: NamespaceAttributes }[] {
    return [...this.#known].map(([namespace, { attributes }]) => ({ namespace, attributes }));
  }

  /** A namespace was destroyed. */
  gone(namespace: string): void {
    this.#lastRevision = Math.max(this.#lastRevision, this.#known.get(namespace)?.revision ?? 0);
    this.#known.delete(namespace);
  }

  /** A namespace was made. */
  made(namespace: string, entry: NamespaceEntry): void {
    // No revision of one that was destroyed comes again: what was remembered of its keys must not be found.
    entry.revision = this.#lastRevision + 1;
    this.#known.set(namespace, entry);
  }

  clear(): void {
    this.#known.clear();
  }

  /** How many keys it has. @throws {HsmError} as {@link get} */
  async censusOf(namespace: string): Promise<Census> {
    const space = await this.get(namespace);
    if (space.census !== undefined) return space.census;
    // One counting for everybody who waits for it: with a million keys it takes a while.
    return (space.counting ??= this.#count(namespace, space));
  }

  /** Keys of every namespace counted so far, by what they are. */
  *census(): Generator<readonly [{ namespace: string; algorithm: string; state: string }, number]> {
    for (const [namespace, { census }] of this.#known) {
      for (const [counted, keys] of census ?? []) {
        const [algorithm, state] = counted.split("/") as [string, string];
        yield [{ namespace, algorithm, state }, keys];
      }
    }
  }

  /**
   * Keys in id order, every one that the filter wants among them: those that the store has filed so, when that helps and
   * all keys are filed; otherwise all there are.
   *
   * @param first how many are wanted at first; who goes on is read more at once
   * @throws {HsmError} as {@link get}
   */
  async *candidates(namespace: string, filter: KeyFilter, after: string, first: number = PAGE): AsyncGenerator<MetKey> {
    const space = await this.get(namespace);
    const ways = waysToFind(filter);
    const [only] = ways;
    // As long as not every key is filed, all are looked through, once.
    if (ways.length === 1 && only !== undefined && !("named" in only)) yield* this.#walk(namespace, space, only, after, first);
    else if (!allFiled(space)) yield* this.#walk(namespace, space, EVERYTHING, after, first);
    else
      yield* merged(
        ways.map((way) =>
          "named" in way ? this.#named(namespace, space, way.named, after) : this.#walk(namespace, space, way, after, first),
        ),
      );
  }

  /** The key of this name, when there is one and its turn is still to come. */
  async *#named(namespace: string, space: NamespaceEntry, name: string, after: string): AsyncGenerator<MetKey> {
    if (!KEY_ID.test(name) || name <= after) return;
    const record = await this.#records.read<StoredKeyAttributes>({ namespace, kind: "key", id: name, version: 0 }, space.kek);
    if (record !== undefined) yield { id: name, record: { ...record, attributes: currentKeyAttributes(record.attributes) } };
  }

  async *#walk(namespace: string, space: NamespaceEntry, filter: KeyFilter, after: string, first: number): AsyncGenerator<MetKey> {
    const entries = entriesFor(this.#hierarchy.indexKey, namespace, filter);
    const filed = entries.length > 0 && allFiled(space);
    let last = after;
    for (let size = Math.min(PAGE, first); ; size = Math.min(PAGE, size * 2)) {
      const page = filed
        ? await this.#records.find<StoredKeyAttributes>(namespace, entries, last, size, space.kek)
        : await this.#records.list<StoredKeyAttributes>(namespace, "key", last, size, space.kek);
      for (const { id, record } of page)
        if (record !== undefined) yield { id, record: { ...record, attributes: currentKeyAttributes(record.attributes) } };
      if (page.length < size) return;
      last = page.at(-1)?.id ?? last;
    }
  }

  async #count(namespace: string, space: NamespaceEntry): Promise<Census> {
    const census: Census = new Map();
    try {
      for await (const { id, record } of this.candidates(namespace, EVERYTHING, "")) {
        adjust(census, `${record.attributes.algorithm}/${record.attributes.state}`, 1);
        if (record.header.index === undefined) space.unfiled.add(id);
        this.#listed(namespace, id, record.attributes);
      }
      return (space.census = census);
    } finally {
      delete space.counting;
    }
  }
}
