/**
 * Records between the store and the vault's memory: every read is compared with the digest the audit log anchored,
 * then authenticated, then opened; every write is sealed and given its next generation.
 *
 * A record that the log anchors and the store lacks, or that the store has and the log does not know, is an
 * INTEGRITY_FAILURE, not "not found": restoring an old database must not look like a clean one.
 */
import type { KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { Json } from "@keystead/crypto/formats/canonical-json";
import { wipe } from "@keystead/crypto/wipe";
import type { RecordWrite, Store } from "../stores/store.ts";
import type { SealingKeys } from "./hierarchy.ts";
import {
  checkRecord,
  macFits,
  openRecord,
  recordDigest,
  recordName,
  sealRecord,
  underKek,
  underMacKey,
  type OpenedRecord,
  type RecordKey,
} from "./record.ts";

/** What the audit log last recorded for a record: its digest, empty when deleted, undefined when never there. */
export type AnchorOf = (name: string) => string | undefined;

/** The keys that records are under, live: a rekey exchanges them. */
export type RecordKeys = SealingKeys & { readonly former?: SealingKeys | undefined };

/** An opened record with what is needed to replace it. */
export interface CurrentRecord<A> extends OpenedRecord<A> {
  readonly digest: string;
}

export class VaultedRecords {
  readonly #store: Store;
  readonly #keys: RecordKeys;
  readonly #anchorOf: AnchorOf;
  readonly #now: () => number;

  constructor(store: Store, keys: RecordKeys, anchorOf: AnchorOf, now: () => number) {
    this.#store = store;
    this.#keys = keys;
    this.#anchorOf = anchorOf;
    this.#now = now;
  }

  /** Milliseconds since the epoch, as records are dated. */
  now(): number {
    return this.#now();
  }

  /** The record, or undefined when both store and log agree that there is none. @throws {HsmError} INTEGRITY_FAILURE */
  async read<A>(key: RecordKey, kek: KeyObject): Promise<CurrentRecord<A> | undefined> {
    for (;;) {
      const anchored = this.anchor(key);
      let bytes: Buffer | undefined;
      try {
        bytes = await this.#store.get(key);
      } catch (error) {
        if (error instanceof HsmError) throw error;
        throw new HsmError("INTEGRITY_FAILURE", `record ${recordName(key)} cannot be read`, { cause: error });
      }
      // Changed while it was read: what came back may be the record before, and is nobody's fault.
      if (this.anchor(key) === anchored) return this.open<A>(key, bytes, kek);
    }
  }

  /** As {@link read}, for bytes that came with a listing. */
  open<A>(key: RecordKey, bytes: Buffer | undefined, kek: KeyObject): CurrentRecord<A> | undefined {
    const anchored = this.#anchorOf(recordName(key));
    if (bytes === undefined) {
      if (anchored === undefined || anchored === "") return undefined;
      throw new HsmError("INTEGRITY_FAILURE", `record ${recordName(key)} is missing`);
    }
    const digest = recordDigest(bytes);
    if (digest !== anchored) throw new HsmError("INTEGRITY_FAILURE", `record ${recordName(key)} is not the one the audit log knows`);
    const { former, recordMacKey } = this.#keys;
    // While a rekey is under way a record is under either generation; the log says which bytes are the right ones.
    if (former !== undefined && !macFits(bytes, recordMacKey))
      return { ...openRecord<A>(key, bytes, underKek(key) ? former.kek : kek, former.recordMacKey), digest };
    // What the KEK seals is opened by that of its own generation, whichever was present when the caller began.
    return { ...openRecord<A>(key, bytes, underKek(key) ? this.#keys.kek : kek, recordMacKey), digest };
  }

  /** Seals a record that replaces `before`, or is new. @param index what stores may file it under */
  write(
    key: RecordKey,
    attributes: Json,
    material: Uint8Array,
    kek: KeyObject,
    before: CurrentRecord<unknown> | undefined,
    index?: readonly string[],
  ): RecordWrite {
    const sealed = sealRecord(
      { ...key, generation: (before?.header.generation ?? 0) + 1, time: this.#now(), ...(index === undefined ? {} : { index }) },
      attributes,
      material,
      kek,
      this.#keys.recordMacKey,
    );
    return { key, expected: before?.digest, bytes: sealed.bytes, digest: sealed.digest };
  }

  /**
   * The record under the present generation of keys: what the KEK seals is sealed anew, any other gets a new MAC.
   *
   * @returns undefined when it is so already, or is not there
   * @throws {HsmError} INTEGRITY_FAILURE
   */
  async renewed(key: RecordKey): Promise<RecordWrite | undefined> {
    const { kek, recordMacKey, former } = this.#keys;
    const bytes = await this.#store.get(key).catch((cause: unknown) => {
      throw new HsmError("INTEGRITY_FAILURE", `record ${recordName(key)} cannot be read`, { cause });
    });
    if (bytes === undefined || former === undefined || macFits(bytes, recordMacKey)) return undefined;
    if (underKek(key)) {
      const before = this.open<Json>(key, bytes, kek);
      if (before === undefined) return undefined;
      try {
        return this.write(key, before.attributes, before.material, kek, before);
      } finally {
        wipe(before.material);
      }
    }
    const digest = recordDigest(bytes);
    if (digest !== this.anchor(key))
      throw new HsmError("INTEGRITY_FAILURE", `record ${recordName(key)} is not the one the audit log knows`);
    checkRecord(key, bytes, former.recordMacKey);
    const renewed = underMacKey(bytes, recordMacKey);
    return { key, expected: digest, bytes: renewed, digest: recordDigest(renewed) };
  }

  /** Deletes a record. */
  remove(key: RecordKey, digest: string): RecordWrite {
    return { key, expected: digest, bytes: undefined, digest: "" };
  }

  /** The digest the log knows for a record. */
  anchor(key: RecordKey): string | undefined {
    return this.#anchorOf(recordName(key));
  }

  /** A page of records of one kind. */
  async list<A>(
    namespace: string,
    kind: RecordKey["kind"],
    after: string,
    limit: number,
    kek: KeyObject,
  ): Promise<{ id: string; record: CurrentRecord<A> }[]> {
    const rows = await this.#store.list(namespace, kind, after, limit);
    return Promise.all(
      rows.map(async ({ id, bytes }) => {
        const key: RecordKey = { namespace, kind, id, version: 0 };
        // Listed a moment ago: a record that changed since is read again.
        const record = recordDigest(bytes) === this.anchor(key) ? this.open<A>(key, bytes, kek) : await this.read<A>(key, kek);
        if (record === undefined) throw new HsmError("INTEGRITY_FAILURE", `record ${namespace}/${kind}/${id}/0 is not in the audit log`);
        return { id, record };
      }),
    );
  }

  /**
   * A page of keys that the store has filed under all of these entries. A store is not believed: a record that does not
   * name the entries itself was put there by somebody else.
   *
   * @returns ids in order; without the record when it has changed so since the store looked
   * @throws {HsmError} INTEGRITY_FAILURE
   */
  async find<A>(
    namespace: string,
    entries: readonly string[],
    after: string,
    limit: number,
    kek: KeyObject,
  ): Promise<{ id: string; record: CurrentRecord<A> | undefined }[]> {
    const rows = await this.#store.find(namespace, entries, after, limit);
    return Promise.all(
      rows.map(async ({ id, bytes }) => {
        const key: RecordKey = { namespace, kind: "key", id, version: 0 };
        const current = recordDigest(bytes) === this.anchor(key);
        const record = current ? this.open<A>(key, bytes, kek) : await this.read<A>(key, kek);
        if (record !== undefined && entries.every((entry) => record.header.index?.includes(entry))) return { id, record };
        if (current) throw new HsmError("INTEGRITY_FAILURE", `the key store's index names record ${recordName(key)} wrongly`);
        return { id, record: undefined };
      }),
    );
  }

  namespaces(): Promise<string[]> {
    return this.#store.namespaces();
  }
}
