/**
 * Managed objects: the only room where key material is opened, and only against a Grant.
 *
 * Open keys are kept as KeyObjects in a bounded cache; a KeyObject leaves this room only inside an {@link OpenKey},
 * for the length of one operation. Changes are prepared here (sealed, numbered, with what they replace) and become
 * real when the audit log has them durably: until then nobody sees them, and one object has one change at a time.
 *
 * Long, because every way to a key stands here and nowhere else: one class holds the cache, the locks and the KeyObjects,
 * and what can be said without them (rules, census, records, changes) has files of its own.
 *
 * @see NIST SP 800-57 Part 1 Rev. 5 §7 (states)
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { USAGE_TENSES } from "@keystead/contract/lifecycle";
import type { Key } from "@keystead/crypto/composite-key";
import { loadPublicKey, mechanismFor } from "@keystead/crypto/mechanisms/register";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";
import { consumeGrant, noteUncommonUse, type Grant } from "../grant.ts";
import type { RecordWrite } from "../stores/store.ts";
import {
  currentKeyAttributes,
  type KeyAttributes,
  type KeyStateName,
  type NamespaceAttributes,
  type StoredKeyAttributes,
} from "./attributes.ts";
import { indexEntries } from "./attribute-index.ts";
import { adjust, living } from "./census.ts";
import { ObjectLocks, preparedChange, standing, type Change } from "./change.ts";
import { DueIndex, type DueKey, type DueStep } from "./due.ts";
import { collectSoon } from "./collect.ts";
import { nextBlock, Uses, type Block, type Settled } from "./uses.ts";
import type { Hierarchy } from "./hierarchy.ts";
import { matches, type KeyFilter } from "./key-filter.ts";
import { permit, permitCopy, permitExport, permitUnder, usableVersions, versionState, type Asking } from "./key-rules.ts";
import type { DescribedKey, DescribedNamespace, LeavingKey, NewKey, OpenKey, PreparedKey, VersionFacts } from "./key-shapes.ts";
import { destroyAtOnce, requireState, versionToPromote, withNewVersion, type Step } from "./lifecycle.ts";
import { loadMaterial, materialMark, materialWrite, readMaterial, removal } from "./material.ts";
import { Namespaces, newNamespace, type NamespaceEntry } from "./namespaces.ts";
import { newAttributes, versionOf } from "./new-attributes.ts";
import { recordName, type RecordKey } from "./record.ts";
import { NOTHING_GONE, withGone, type Gone } from "./shredding.ts";
import { NO_RETENTION, type RetentionRules } from "./retention.ts";
import type { CurrentRecord, VaultedRecords } from "./vaulted-records.ts";
import { leavingKey } from "./wrapping-strength.ts";

interface Entry {
  readonly attributes: KeyAttributes;
  readonly digest: string;
  readonly generation: number;
  /** Opened versions. */
  readonly opened: Map<number, OpenKey>;
}

export interface ObjectsOptions {
  readonly records: VaultedRecords;
  readonly hierarchy: Hierarchy;
  /** Shared with whoever else changes records of the store, so that a rekey waits for those changes too. */
  readonly locks?: ObjectLocks;
  /** Bytes the open-key cache may take. */
  readonly cacheSizeBytes: number;
  readonly now: () => number;
  /** Every new key waits for its activation, whatever is asked for. */
  readonly newKeysStaged?: boolean;
  /** Keys leave under weaker ones too. */
  readonly weakerWrapping?: boolean;
  /** None when left out. */
  readonly retention?: RetentionRules;
  /** Makes writes of the vault's own accord durable, with an event of this name. */
  readonly record: (action: string, writes: readonly RecordWrite[]) => Promise<void>;
}

/** A key's algorithm and tags. */
export type KeyFacts = { readonly algorithm: string; readonly tags: readonly string[] };
const UNKNOWN_KEY: KeyFacts = Object.freeze({ algorithm: "", tags: Object.freeze([]) });

/** What a cached key is taken to weigh: KeyObject, DER, attributes, map entries. */
const ENTRY_BYTES = 4096;
/** Old keys filed with one event. */
const FILED_AT_ONCE = 64;
/** Records of used keys written with one event. */
const RECORDED_AT_ONCE = 200;
/** Somebody else reserved what was needed. */
const COVERED = new Error("a block was reserved meanwhile");

/** Keys that are looked at for one answer of {@link Objects.endingBefore}. */
const MOST_ENDING = 1000;

export class Objects {
  readonly #options: ObjectsOptions;
  readonly #records: VaultedRecords;
  readonly #entries = new Map<string, Entry>();
  readonly #namespaces: Namespaces;
  readonly #locks: ObjectLocks;
  readonly #maxEntries: number;
  readonly #due: DueIndex;
  readonly #uses = new Uses();
  #besides: (namespace: string) => number = () => 0;
  readonly counters = { cacheHits: 0, cacheMisses: 0, cacheStores: 0, rotationNotices: 0 };

  constructor(options: ObjectsOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#locks = options.locks ?? new ObjectLocks();
    this.#due = new DueIndex(options.retention ?? NO_RETENTION);
    this.#namespaces = new Namespaces(options.records, options.hierarchy, (...listed) => this.#due.listed(...listed));
    this.#maxEntries = Math.max(16, Math.floor(options.cacheSizeBytes / ENTRY_BYTES));
  }

  /**
   * Opens a key for the use its grant names. The grant is spent, whatever the answer.
   *
   * @param version 0 = the current one
   * @param noSuchVersion what to say when the key has no such version; for decryption that must look like any failure
   * @throws {HsmError} OBJECT_NOT_FOUND; KEY_USAGE_FORBIDS; KEY_STATE_FORBIDS; INTEGRITY_FAILURE; PERMISSION_DENIED for a
   *   spent grant
   */
  async open(grant: Grant, version = 0, noSuchVersion?: () => HsmError): Promise<OpenKey> {
    const { namespace, keyId, usage, mayUseRevoked = false, reauthenticated = false } = consumeGrant(grant);
    const entry = this.#cached(namespace, keyId) ?? (await this.#load(namespace, keyId));
    const wanted = version === 0 ? entry.attributes.current : version;
    const asking: Asking = { now: this.now(), mayUseRevoked, reauthenticated };
    noteState(grant, permit(entry.attributes, keyId, usage, wanted, asking, noSuchVersion));
    await this.#countUse(grant, entry.attributes, asking.now);
    return held(entry, entry.opened.get(wanted) ?? (await this.#openVersion(namespace, keyId, entry, wanted)));
  }

  /**
   * Opens the versions that may verify or decrypt, the current one first, each when it is asked for. One grant, one
   * question.
   *
   * @throws {HsmError} as {@link open}
   */
  async *openAll(grant: Grant): AsyncGenerator<OpenKey> {
    const { namespace, keyId, usage, mayUseRevoked = false, reauthenticated = false } = consumeGrant(grant);
    const entry = this.#cached(namespace, keyId) ?? (await this.#load(namespace, keyId));
    const { attributes } = entry;
    const asking: Asking = { now: this.now(), mayUseRevoked, reauthenticated };
    permit(attributes, keyId, usage, attributes.current, asking);
    await this.#countUse(grant, attributes, asking.now);
    for (const version of usableVersions(attributes, usage, asking)) {
      noteState(grant, versionState(attributes, version, asking.now));
      yield held(entry, entry.opened.get(version.version) ?? (await this.#openVersion(namespace, keyId, entry, version.version)));
    }
  }

  /**
   * The material of a key, so that it can leave: encrypted under another key, or in plain. The grant is spent, whatever
   * the answer; the caller wipes the material.
   *
   * @param version 0 = the current one
   * @param under   the managed key it is wrapped under, as it is now
   * @throws {HsmError} KEY_NOT_EXTRACTABLE unless the key's policy names that way out; WRAPPING_KEY_TOO_WEAK; KEY_STATE_FORBIDS;
   *   OBJECT_NOT_FOUND; INTEGRITY_FAILURE; PERMISSION_DENIED for a spent grant or one that is not for export
   */
  async openForExport(grant: Grant, way: "wrapped" | "plain", version = 0, under?: DescribedKey): Promise<LeavingKey> {
    const { namespace, keyId, usage, mayUseRevoked = false, reauthenticated = false } = consumeGrant(grant);
    if (usage !== "export") throw new HsmError("PERMISSION_DENIED", "this grant does not let a key out");
    const entry = this.#cached(namespace, keyId) ?? (await this.#load(namespace, keyId));
    const wanted = version === 0 ? entry.attributes.current : version;
    noteState(grant, permitExport(entry.attributes, keyId, way, wanted, { now: this.now(), mayUseRevoked, reauthenticated }));
    permitUnder(under, entry.attributes, keyId);
    if (versionNumbered(entry.attributes, wanted)?.mark === undefined) await this.#mark(namespace, keyId, entry, wanted);
    const { algorithm, key } = entry.opened.get(wanted) ?? (await this.#openVersion(namespace, keyId, entry, wanted));
    return leavingKey({ keyId, algorithm, version: wanted, key, under, weakerWrapping: this.#options.weakerWrapping ?? false });
  }

  /**
   * A key, to be copied. The grant is spent, whatever the answer.
   *
   * @throws {HsmError} KEY_STATE_FORBIDS unless it is active; OBJECT_NOT_FOUND; INTEGRITY_FAILURE; PERMISSION_DENIED for a spent
   *   grant or one that is not for copying
   */
  async openToCopy(grant: Grant): Promise<{ readonly attributes: KeyAttributes; readonly open: OpenKey }> {
    const { namespace, keyId, usage } = consumeGrant(grant);
    if (usage !== "copy") throw new HsmError("PERMISSION_DENIED", "this grant does not copy a key");
    const entry = this.#cached(namespace, keyId) ?? (await this.#load(namespace, keyId));
    const { attributes } = entry;
    permitCopy(attributes, keyId, this.now());
    return {
      attributes,
      open: entry.opened.get(attributes.current) ?? (await this.#openVersion(namespace, keyId, entry, attributes.current)),
    };
  }

  /** The mark of material in a namespace. */
  markOf(namespace: string, algorithm: AlgorithmName, key: Key): string {
    return materialMark(this.#options.hierarchy.indexKey, namespace, algorithm, key);
  }

  /** Every key of a namespace, destroyed ones too, that has or had material of this mark and could leave. */
  async ofMaterial(namespace: string, mark: string): Promise<KeyAttributes[]> {
    const found: KeyAttributes[] = [];
    const filter: KeyFilter = { algorithm: undefined, state: undefined, tags: [], marks: [mark] };
    for await (const { record } of this.#namespaces.candidates(namespace, filter, ""))
      if (record.attributes.versions.some((version) => version.mark === mark)) found.push(record.attributes);
    return found;
  }

  /** Milliseconds since the epoch by the clock that dates are compared with. */
  now(): number {
    return this.#options.now();
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND */
  async describe(namespace: string, keyId: string): Promise<DescribedKey> {
    const entry = this.#entries.get(`${namespace}/${keyId}`) ?? (await this.#load(namespace, keyId));
    return this.#described(namespace, keyId, entry.attributes);
  }

  /**
   * What rules may know of a key, at once when it was read before; nothing of a key that there is not.
   *
   * @throws {HsmError} INTEGRITY_FAILURE
   */
  facts(namespace: string, keyId: string): KeyFacts | Promise<KeyFacts> {
    const known = this.#entries.get(`${namespace}/${keyId}`);
    if (known !== undefined) return known.attributes;
    return this.#load(namespace, keyId).then(
      ({ attributes }) => attributes,
      (error: unknown) => {
        if (error instanceof HsmError && error.code === "OBJECT_NOT_FOUND") return UNKNOWN_KEY;
        throw error;
      },
    );
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND when there is no such namespace */
  async describeNamespace(namespace: string): Promise<DescribedNamespace> {
    return { namespace, attributes: (await this.#namespaces.get(namespace)).attributes };
  }

  /** What is known of a namespace without looking: all that there were at the unseal, and those that were asked for since. */
  knownNamespace(namespace: string): NamespaceAttributes | undefined {
    return this.#namespaces.known(namespace)?.attributes;
  }

  /** All of those. */
  knownNamespaces(): DescribedNamespace[] {
    return this.#namespaces.all();
  }

  /** Every namespace, by name. */
  async namespaces(): Promise<DescribedNamespace[]> {
    const names = await this.#records.namespaces();
    return Promise.all(names.map((name) => this.describeNamespace(name)));
  }

  /**
   * Keys of a namespace that match, in id order, after `after`.
   *
   * @returns at most `limit` keys, and whether more follow
   */
  async list(namespace: string, filter: KeyFilter, after: string, limit: number): Promise<{ keys: DescribedKey[]; more: boolean }> {
    const keys: DescribedKey[] = [];
    for await (const { id, record } of this.#namespaces.candidates(namespace, filter, after, limit + 1)) {
      const described = this.#described(namespace, id, record.attributes);
      if (!matches(id, described.attributes, filter, described.asOf)) continue;
      if (keys.length === limit) return { keys, more: true };
      keys.push(described);
    }
    return { keys, more: false };
  }

  /** Number of keys that match: known without looking, unless the filter asks for more than an algorithm. */
  async count(namespace: string, filter: KeyFilter): Promise<number> {
    if (filter.state === undefined && filter.tags.length === 0 && filter.attributes === undefined && filter.visible === undefined)
      return living(await this.#namespaces.censusOf(namespace), filter.algorithm);
    let total = 0;
    const now = this.now();
    for await (const { id, record } of this.#namespaces.candidates(namespace, filter, ""))
      if (matches(id, record.attributes, filter, now)) total += 1;
    return total;
  }

  /** Keys share the places of a namespace (`max_keys`) with others. @param others how many these are, with those being made */
  sharePlaces(others: (namespace: string) => number): void {
    this.#besides = others;
  }

  /**
   * The places that a namespace has left for others than keys, as they are when the answer is asked: keys that are made
   * meanwhile count, so that two things cannot both take the last place.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND
   */
  async placesForOthers(namespace: string): Promise<() => number> {
    const { attributes } = await this.#namespaces.get(namespace);
    const census = await this.#namespaces.censusOf(namespace);
    return () => (attributes.maxKeys === 0 ? Infinity : Math.max(0, attributes.maxKeys - living(census)));
  }

  /** Prepares a new namespace with a key-encryption key of its own. @throws {HsmError} OBJECT_EXISTS */
  async createNamespace(
    namespace: string,
    description: string,
    maxKeys: number,
  ): Promise<{ described: DescribedNamespace; change: Change }> {
    const release = await this.#locks.acquire(`${namespace}//`);
    const kek = secretBuffer(32);
    try {
      const key: RecordKey = { namespace, kind: "namespace", id: "", version: 0 };
      const before = await this.#records.read<NamespaceAttributes>(key, this.#options.hierarchy.kek);
      if (before !== undefined) throw new HsmError("OBJECT_EXISTS", `namespace '${namespace}' exists already`);
      fillRandom(kek);
      const attributes: NamespaceAttributes = { description, createdAt: this.#options.now(), maxKeys };
      const write = this.#records.write(key, { ...attributes } as never, kek, this.#options.hierarchy.kek, undefined);
      const entry = newNamespace(attributes, kek);
      return {
        described: { namespace, attributes },
        change: preparedChange([write], release, () => this.#namespaces.made(namespace, entry)),
      };
    } catch (error) {
      release();
      throw error;
    } finally {
      wipe(kek);
    }
  }

  /** Prepares a change of what is said about a namespace. @throws {HsmError} OBJECT_NOT_FOUND; what `step` throws */
  async alterNamespace(
    namespace: string,
    step: (before: NamespaceAttributes, now: number) => NamespaceAttributes,
  ): Promise<{ described: DescribedNamespace; change: Change }> {
    const space = await this.#namespaces.get(namespace);
    const release = await this.#locks.acquire(`${namespace}//`);
    let kek: Buffer | undefined;
    try {
      requireLiving(namespace, space);
      const key: RecordKey = { namespace, kind: "namespace", id: "", version: 0 };
      const before = await this.#records.read<NamespaceAttributes>(key, this.#options.hierarchy.kek);
      if (before === undefined) throw new HsmError("OBJECT_NOT_FOUND", `no namespace '${namespace}'`);
      kek = before.material;
      const attributes = step(before.attributes, this.now());
      const write = this.#records.write(key, { ...attributes } as never, kek, this.#options.hierarchy.kek, before);
      return { described: { namespace, attributes }, change: preparedChange([write], release, () => (space.attributes = attributes)) };
    } catch (error) {
      release();
      throw error;
    } finally {
      wipe(kek ?? new Uint8Array());
    }
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; KEY_STATE_FORBIDS unless the namespace's deletion is due */
  requireDue(namespace: string): void {
    const attributes = this.knownNamespace(namespace);
    if (attributes === undefined) throw new HsmError("OBJECT_NOT_FOUND", `no namespace '${namespace}'`);
    if ((attributes.deletion?.at ?? Infinity) > this.now())
      throw new HsmError("KEY_STATE_FORBIDS", `no deletion of the namespace '${namespace}' is due`);
  }

  /**
   * Prepares the removal of the next keys of a namespace whose deletion is due, and of the namespace with its own key when
   * these are the last. Whatever becomes of it, the namespace takes no other change any more.
   *
   * @param most keys at once
   * @throws {HsmError} KEY_STATE_FORBIDS when no deletion is due; OBJECT_NOT_FOUND
   */
  async shred(
    namespace: string,
    most: number,
  ): Promise<{ change: Change; gone: Gone; complete: boolean; attributes: NamespaceAttributes }> {
    const space = await this.#namespaces.get(namespace);
    this.requireDue(namespace);
    space.ending = true;
    // Whoever has a lock now may still add a key; whoever gets one from now on finds the end.
    await this.#locks.settled();
    const page = await this.#records.list<StoredKeyAttributes>(namespace, "key", "", most, space.kek);
    const releases: (() => void)[] = [];
    const release = (): void => {
      for (const free of releases) free();
    };
    let kek: Buffer | undefined;
    try {
      const names = [`${namespace}//`, ...page.map(({ id }) => `${namespace}/${id}`)];
      for (const name of names.sort()) releases.push(await this.#locks.acquire(name));
      const key: RecordKey = { namespace, kind: "namespace", id: "", version: 0 };
      const before = await this.#records.read<NamespaceAttributes>(key, this.#options.hierarchy.kek);
      const deletion = before?.attributes.deletion;
      if (before === undefined || deletion === undefined) throw new HsmError("OBJECT_NOT_FOUND", `no namespace '${namespace}'`);
      kek = before.material;
      // Named by the log's digests: a rekey may have written the same record anew since it was listed.
      const removed = page.flatMap(({ id, record }) => {
        const head: RecordKey = { namespace, kind: "key", id, version: 0 };
        const versions = record.attributes.versions.flatMap(({ version }) => removal(this.#records, namespace, id, version));
        return [...versions, this.#records.remove(head, this.#records.anchor(head) ?? "")];
      });
      const complete = page.length < most;
      const end = complete ? [this.#records.remove(key, before.digest)] : [];
      const gone = [...removed, ...end].reduce(
        (so, write) => withGone(so, recordName(write.key), write.expected ?? ""),
        deletion.gone ?? NOTHING_GONE,
      );
      const attributes: NamespaceAttributes = { ...before.attributes, deletion: { ...deletion, gone } };
      const rest = complete ? end : [this.#records.write(key, attributes as never, kek, this.#options.hierarchy.kek, before)];
      const change = preparedChange([...removed, ...rest], release, () => {
        for (const { id } of page) {
          this.#entries.delete(`${namespace}/${id}`);
          this.#uses.forget(`${namespace}/${id}`);
          this.#due.forget(namespace, id);
        }
        space.attributes = attributes;
        space.revision += 1;
        if (complete) this.#namespaces.gone(namespace);
        collectSoon();
      });
      return { change, gone, complete, attributes };
    } catch (error) {
      release();
      throw error;
    } finally {
      wipe(kek ?? new Uint8Array());
    }
  }

  /**
   * Whether keys that are not stored may be made in a namespace now.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND; KEY_STATE_FORBIDS; INVALID_REQUEST where every new key waits for its activation,
   *   which such a key has none of
   */
  async admitSessionKey(namespace: string): Promise<void> {
    requireLiving(namespace, await this.#namespaces.get(namespace));
    if (this.#options.newKeysStaged === true)
      throw new HsmError("INVALID_REQUEST", "session_key: every new key waits for its activation here (approvals.new_keys_staged)");
  }

  /** Prepares a new key with one version. @throws {HsmError} OBJECT_EXISTS; OBJECT_NOT_FOUND (namespace); QUOTA_EXCEEDED */
  async create(key: NewKey): Promise<PreparedKey> {
    const space = await this.#namespaces.get(key.namespace);
    let release = await this.#locks.acquire(`${key.namespace}/${key.keyId}`);
    try {
      requireLiving(key.namespace, space);
      const headKey: RecordKey = { namespace: key.namespace, kind: "key", id: key.keyId, version: 0 };
      if ((await this.#records.read(headKey, space.kek)) !== undefined)
        throw new HsmError("OBJECT_EXISTS", `key '${key.keyId}' exists already`);
      release = both(release, await this.#reserveObjectId(key.namespace, key.keyId, key.objectId ?? ""));
      const census = await this.#namespaces.censusOf(key.namespace);
      if (space.attributes.maxKeys > 0 && living(census) + this.#besides(key.namespace) >= space.attributes.maxKeys)
        throw new HsmError("QUOTA_EXCEEDED", `namespace '${key.namespace}' may hold ${space.attributes.maxKeys} keys and objects`);
      const staged = this.#options.newKeysStaged === true ? ({ state: "pre_activation" } as const) : {};
      const attributes = this.#marked(key.namespace, newAttributes({ ...key, ...staged }, this.now()), key.key);
      const head = this.#headWrite(headKey, attributes, space.kek, undefined);
      const material = materialWrite(this.#records, key.namespace, key.keyId, 1, key.algorithm, key.key, space.kek);
      // Counted now, so that two creations under way cannot both take the last place.
      const counted = `${key.algorithm}/${attributes.state}`;
      adjust(census, counted, 1);
      const change = preparedChange(
        [head, material],
        release,
        () => {
          this.#due.note(key.namespace, key.keyId, attributes);
          space.revision += 1;
          this.#remember(`${key.namespace}/${key.keyId}`, { attributes, digest: head.digest, generation: 1, opened: new Map() });
        },
        () => adjust(census, counted, -1),
      );
      return { described: this.#described(key.namespace, key.keyId, attributes), change };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Prepares a new current version; the one before is deactivated.
   *
   * @throws {HsmError} KEY_STATE_FORBIDS; OBJECT_NOT_FOUND
   */
  rotate(
    namespace: string,
    keyId: string,
    generate: (algorithm: AlgorithmName, sizeBytes: number | undefined) => Promise<Key>,
    facts: VersionFacts = {},
  ): Promise<PreparedKey> {
    return this.#alter(namespace, keyId, async (before, now, space) => {
      requireState("RotateKey", keyId, before);
      const key = await generate(before.algorithm, before.sizeBytes);
      const version = { ...versionOf(before.current + 1, key, now, true), ...facts };
      return {
        attributes: this.#marked(namespace, withNewVersion(before, version, now), key),
        added: materialWrite(this.#records, namespace, keyId, version.version, before.algorithm, key, space.kek),
      };
    });
  }

  /**
   * Prepares a new current version with the material of an older one, which stays what and where it is. A number is
   * never current twice: what was made before and after a rollback can be told apart by it.
   *
   * @throws {HsmError} KEY_STATE_FORBIDS; OBJECT_NOT_FOUND; INVALID_REQUEST for the current version
   */
  rollback(namespace: string, keyId: string, version: number, facts: VersionFacts = {}): Promise<PreparedKey> {
    return this.#alter(namespace, keyId, async (before, now, space) => {
      const { local, publicKey, mark } = versionToPromote(keyId, before, version);
      const current = before.current + 1;
      const promoted = {
        version: current,
        state: "active" as const,
        createdAt: now,
        local,
        publicKey,
        promotedFrom: version,
        ...(mark === undefined ? {} : { mark }),
        ...facts,
      };
      const record = await readMaterial(this.#records, namespace, keyId, version, before.algorithm, space.kek);
      try {
        const key: RecordKey = { namespace, kind: "version", id: keyId, version: current };
        return {
          attributes: withNewVersion(before, promoted, now),
          added: this.#records.write(key, { algorithm: before.algorithm }, record.material, space.kek, undefined),
        };
      } finally {
        wipe(record.material);
      }
    });
  }

  /** Prepares the destruction of every version at once; the id stays taken. @throws {HsmError} KEY_STATE_FORBIDS; OBJECT_NOT_FOUND */
  destroy(namespace: string, keyId: string): Promise<PreparedKey> {
    return this.alter(namespace, keyId, (before, now) => destroyAtOnce(keyId, before, now));
  }

  /** Prepares a step of a key's life, or a change of what is said about it. @throws {HsmError} OBJECT_NOT_FOUND; what `step` throws */
  alter(namespace: string, keyId: string, step: (before: KeyAttributes, now: number) => Step): Promise<PreparedKey> {
    return this.#alter(namespace, keyId, (before, now) => step(before, now));
  }

  async #alter(
    namespace: string,
    keyId: string,
    step: (
      before: KeyAttributes,
      now: number,
      space: NamespaceEntry,
    ) => (Step & { readonly added?: RecordWrite }) | Promise<Step & { readonly added?: RecordWrite }>,
  ): Promise<PreparedKey> {
    const space = await this.#namespaces.get(namespace);
    let release = await this.#locks.acquire(`${namespace}/${keyId}`);
    try {
      requireLiving(namespace, space);
      const before = await this.#head(namespace, keyId, space.kek);
      const now = this.now();
      const { attributes: stepped, added, removed = [], about } = await step(before.attributes, now, space);
      if (stepped.objectId !== before.attributes.objectId)
        release = both(release, await this.#reserveObjectId(namespace, keyId, stepped.objectId));
      const relimited = stepped.maxUses !== before.attributes.maxUses || stepped.maxBytes !== before.attributes.maxBytes;
      // A block that was reserved under another limit is given back.
      const settled = relimited ? this.#uses.settle(`${namespace}/${keyId}`, before.attributes, true) : undefined;
      const attributes: KeyAttributes = settled === undefined ? stepped : { ...stepped, used: settled.used };
      // Counted before or after this change, never in the middle of it.
      await space.counting;
      const headKey: RecordKey = { namespace, kind: "key", id: keyId, version: 0 };
      const head = this.#headWrite(headKey, attributes, space.kek, before);
      const writes = [
        head,
        ...(added === undefined ? [] : [added]),
        ...removed.flatMap((version) => removal(this.#records, namespace, keyId, version)),
      ];
      const change = preparedChange(writes, release, () => {
        space.revision += 1;
        settled?.written();
        const opened = this.#entries.get(`${namespace}/${keyId}`)?.opened ?? new Map<number, OpenKey>();
        for (const version of removed) opened.delete(version);
        this.#due.note(namespace, keyId, attributes);
        if (removed.length > 0) collectSoon();
        if (attributes.state === "destroyed") {
          this.#entries.delete(`${namespace}/${keyId}`);
          this.#uses.forget(`${namespace}/${keyId}`);
        } else
          this.#remember(`${namespace}/${keyId}`, {
            attributes,
            digest: head.digest,
            generation: before.header.generation + 1,
            // Those that are opened meanwhile, for the attributes of before, stay with the entry of before.
            opened: new Map(opened),
          });
        if (space.census === undefined || attributes.state === before.attributes.state) return;
        adjust(space.census, `${attributes.algorithm}/${before.attributes.state}`, -1);
        adjust(space.census, `${attributes.algorithm}/${attributes.state}`, 1);
      });
      const moved = { from: standing(before.attributes, about), to: standing(attributes, about) };
      return { described: this.#described(namespace, keyId, attributes), change: { ...change, moved } };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Keys of every namespace counted so far, for metrics. */
  census(): ReturnType<Namespaces["census"]> {
    return this.#namespaces.census();
  }

  /** Counts the keys of a namespace once, so that {@link census} knows it. */
  async takeCensus(namespace: string): Promise<void> {
    await this.#namespaces.censusOf(namespace);
  }

  /**
   * Writes the keys anew that were written before there was an index, some at a time. Until none is left, searches look
   * through every key.
   *
   * @param wanted asked before each step: false once the vault is being closed
   * @throws {HsmError} what recording throws; it may be called again
   */
  async fileOldKeys(namespace: string, wanted: () => boolean): Promise<void> {
    const { unfiled } = await this.#namespaces.get(namespace);
    while (unfiled.size > 0 && wanted()) {
      const names = [...unfiled].slice(0, FILED_AT_ONCE);
      await this.#recorded("FileKeys", names, async (keyId) => {
        const { change } = await this.#alter(namespace, keyId, (before) => ({ attributes: before }));
        return change;
      });
      for (const keyId of names) unfiled.delete(keyId);
    }
  }

  /** The steps that keys of the namespaces counted so far should have taken by now, the longest due first. */
  async due(): Promise<(DueKey & DueStep)[]> {
    const now = this.now();
    const steps: (DueKey & DueStep)[] = [];
    for (const { namespace, keyId } of this.#due.due(now)) {
      if (this.#namespaces.known(namespace)?.ending === true) continue;
      const { attributes } = await this.describe(namespace, keyId);
      const due = this.#due.steps(namespace, keyId, attributes).filter(({ at }) => at <= now);
      if (due.length === 0) this.#due.note(namespace, keyId, attributes);
      steps.push(...due.map((step) => ({ namespace, keyId, ...step })));
    }
    return steps.sort((a, b) => a.at - b.at);
  }

  /** Keys in use whose end date comes before this time, of the namespaces counted so far, and the first of those dates. */
  async endingBefore(time: number): Promise<{ readonly keys: number; readonly first: number | undefined }> {
    let keys = 0;
    let first: number | undefined;
    for (const { namespace, keyId } of this.#due.due(time).slice(0, MOST_ENDING)) {
      const known = await this.describe(namespace, keyId).catch(() => undefined);
      const { state, endDate } = known?.attributes ?? {};
      if ((state !== "active" && state !== "suspended") || endDate === undefined || endDate > time) continue;
      keys += 1;
      first = Math.min(first ?? Infinity, endDate);
    }
    return { keys, first };
  }

  /** A notice was given: it is not due any more. */
  noticed(namespace: string, keyId: string, version: number): void {
    if (version > 0) this.counters.rotationNotices += 1;
    this.#due.noticed(namespace, keyId, version);
  }

  /**
   * Writes what keys were used for into their records: those that were used since the last time.
   *
   * @param last true when nothing will be used afterwards: what is left of reserved blocks is given back
   * @throws {HsmError} what recording throws; what was not written then is written the next time
   */
  async recordUses(last = false): Promise<void> {
    const names = this.#uses.dirty().filter((name) => this.#namespaces.known(name.slice(0, name.indexOf("/")))?.ending !== true);
    for (let from = 0; from < names.length; from += RECORDED_AT_ONCE) {
      const written: (() => void)[] = [];
      await this.#recorded("RecordUses", names.slice(from, from + RECORDED_AT_ONCE), async (name) => {
        const [namespace, keyId] = name.split("/") as [string, string];
        const { change } = await this.#alter(namespace, keyId, (before) => {
          const settled = this.#uses.settle(name, before, last);
          written.push(settled.written);
          return { attributes: { ...before, used: settled.used } };
        });
        return change;
      });
      for (const note of written) note();
    }
  }

  /**
   * Changes of several keys with one event of the vault's own. They are taken in order, as a rekey takes them: two that
   * hold several objects must not wait for one another in a ring.
   */
  async #recorded(action: string, names: readonly string[], prepare: (name: string) => Promise<Change>): Promise<void> {
    const changes: Change[] = [];
    try {
      for (const name of [...names].sort()) changes.push(await prepare(name));
      await this.#options.record(
        action,
        changes.flatMap(({ writes }) => writes),
      );
    } catch (error) {
      for (const change of changes) change.settle(false);
      throw error;
    }
    for (const change of changes) change.settle(true);
  }

  /** Forgets every open key and namespace key. */
  close(): void {
    this.#entries.clear();
    this.#due.clear();
    this.#uses.clear();
    collectSoon();
    this.#namespaces.clear();
  }

  /** Waits until every change that is under way now is durable or did not happen. */
  changesSettled(): Promise<void> {
    return this.#locks.settled();
  }

  /**
   * Prepares records for the present generation of keys. It takes its objects in order, as {@link recordUses} does, so that
   * waiting cannot end in a ring.
   *
   * @returns undefined when all of them are under it already
   * @throws {HsmError} INTEGRITY_FAILURE
   */
  async renew(keys: readonly RecordKey[]): Promise<Change | undefined> {
    const releases: (() => void)[] = [];
    const release = (): void => {
      for (const free of releases) free();
    };
    try {
      const objects = new Set(keys.map(({ namespace, kind, id }) => (kind === "namespace" ? `${namespace}//` : `${namespace}/${id}`)));
      for (const name of [...objects].sort()) releases.push(await this.#locks.acquire(name));
      const writes: RecordWrite[] = [];
      for (const key of keys) {
        const write = await this.#records.renewed(key);
        if (write !== undefined) writes.push(write);
      }
      if (writes.length > 0) return preparedChange(writes, release, () => undefined);
      release();
      return undefined;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** A number that rises with every change of a key of the namespace, before the change is acknowledged. */
  async revision(namespace: string): Promise<number> {
    return (await this.#namespaces.get(namespace)).revision;
  }

  #described(namespace: string, keyId: string, attributes: KeyAttributes): DescribedKey {
    return { namespace, keyId, attributes, asOf: this.now(), used: this.#uses.of(`${namespace}/${keyId}`, attributes) };
  }

  /** Counts a use before it is made. @throws {HsmError} KEY_EXHAUSTED; what recording a block throws */
  async #countUse({ namespace, keyId, usage, bytes = 0 }: Grant, attributes: KeyAttributes, now: number): Promise<void> {
    const name = `${namespace}/${keyId}`;
    const makesNew = USAGE_TENSES[usage] === "new";
    let known = attributes;
    while (!this.#uses.take(name, known, makesNew, bytes, now)) {
      await this.#reserve(namespace, keyId, bytes);
      known = (await this.describe(namespace, keyId)).attributes;
    }
  }

  /** Makes the next block of a limited key durable, unless somebody has meanwhile. */
  async #reserve(namespace: string, keyId: string, bytes: number): Promise<void> {
    const name = `${namespace}/${keyId}`;
    let block: Block | undefined;
    let settled: Settled | undefined;
    let change: Change | undefined;
    try {
      ({ change } = await this.#alter(namespace, keyId, (before) => {
        if (this.#uses.covers(name, bytes)) throw COVERED;
        settled = this.#uses.settle(name, before, false);
        const { uses, bytes: sum, lastAt } = settled.used;
        block = nextBlock({ ...before, used: settled.used }, this.#uses.left(name), bytes);
        if (block === undefined) throw new HsmError("KEY_EXHAUSTED", `key '${keyId}' has been used as often as it may`);
        return { attributes: { ...before, used: { uses: uses + block.uses, bytes: sum + block.bytes, lastAt } } };
      }));
      await this.#options.record("ReserveUses", change.writes);
      // Before the lock is freed: whoever waits for it must find the block.
      this.#uses.grant(name, block as Block);
      change.settle(true);
      settled?.written();
    } catch (error) {
      change?.settle(false);
      if (error !== COVERED) throw error;
    }
  }

  /**
   * Holds a CKA_ID for a key, until what is returned is called. Whoever holds one waits for nobody but the log, so that waiting for
   * one with a key's lock in hand cannot end in a ring.
   *
   * @throws {HsmError} OBJECT_EXISTS when another key of the namespace has it, unless that key is destroyed
   */
  async #reserveObjectId(namespace: string, keyId: string, objectId: string): Promise<() => void> {
    if (objectId === "") return () => undefined;
    const release = await this.#locks.acquire(`${namespace}//id/${objectId}`);
    try {
      await this.#namespaces.censusOf(namespace);
      const filter: KeyFilter = { algorithm: undefined, state: undefined, tags: [], attributes: { id: objectId } };
      for await (const { id, record } of this.#namespaces.candidates(namespace, filter, ""))
        if (id !== keyId && matches(id, record.attributes, filter, this.now()))
          throw new HsmError("OBJECT_EXISTS", "attributes.id: another key of the namespace has it");
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** With the mark of the current version's material, where the key may leave. */
  #marked(namespace: string, attributes: KeyAttributes, key: Key): KeyAttributes {
    return attributes.exportable === "never"
      ? attributes
      : withMark(attributes, attributes.current, this.markOf(namespace, attributes.algorithm, key));
  }

  /** Writes down the mark of a version of a key that was made before there were marks, before it leaves. */
  async #mark(namespace: string, keyId: string, entry: Entry, version: number): Promise<void> {
    const { algorithm, key } = entry.opened.get(version) ?? (await this.#openVersion(namespace, keyId, entry, version));
    const mark = this.markOf(namespace, algorithm, key);
    await this.#recorded("FileKeys", [keyId], async () => {
      const { change } = await this.#alter(namespace, keyId, (before) => ({ attributes: withMark(before, version, mark) }));
      return change;
    });
  }

  #cached(namespace: string, keyId: string): Entry | undefined {
    const entry = this.#entries.get(`${namespace}/${keyId}`);
    if (entry !== undefined) this.counters.cacheHits += 1;
    return entry;
  }

  #headWrite(key: RecordKey, attributes: KeyAttributes, kek: KeyObject, before: CurrentRecord<KeyAttributes> | undefined): RecordWrite {
    const index = indexEntries(this.#options.hierarchy.indexKey, key.namespace, attributes);
    return this.#records.write(key, attributes as never, new Uint8Array(), kek, before, index);
  }

  async #head(namespace: string, keyId: string, kek: KeyObject): Promise<CurrentRecord<KeyAttributes>> {
    const record = await this.#records.read<StoredKeyAttributes>({ namespace, kind: "key", id: keyId, version: 0 }, kek);
    if (record === undefined) throw new HsmError("OBJECT_NOT_FOUND", `no key '${keyId}' in namespace '${namespace}'`);
    return { ...record, attributes: currentKeyAttributes(record.attributes) };
  }

  async #load(namespace: string, keyId: string): Promise<Entry> {
    this.counters.cacheMisses += 1;
    const space = await this.#namespaces.get(namespace);
    const record = await this.#head(namespace, keyId, space.kek);
    // A change may have become durable while the record was read: then what was read is not remembered.
    if (this.#records.anchor({ namespace, kind: "key", id: keyId, version: 0 }) !== record.digest) return this.#load(namespace, keyId);
    const known = this.#entries.get(`${namespace}/${keyId}`);
    if (known !== undefined && known.generation >= record.header.generation) return known;
    const entry: Entry = { attributes: record.attributes, digest: record.digest, generation: record.header.generation, opened: new Map() };
    this.#remember(`${namespace}/${keyId}`, entry);
    return entry;
  }

  async #openVersion(namespace: string, keyId: string, entry: Entry, version: number): Promise<OpenKey> {
    const { algorithm, versions } = entry.attributes;
    const space = await this.#namespaces.get(namespace);
    const record = await readMaterial(this.#records, namespace, keyId, version, algorithm, space.kek);
    const mechanism = mechanismFor(algorithm);
    const key = loadMaterial(algorithm, record.material);
    const der = versions.find((candidate) => candidate.version === version)?.publicKey ?? "";
    const publicKey = der === "" ? undefined : loadPublicKey(algorithm, Buffer.from(der, "base64"));
    const opened: OpenKey = { keyId, algorithm, version, mechanism, key, publicKey };
    entry.opened.set(version, opened);
    return opened;
  }

  #remember(name: string, entry: Entry): void {
    this.counters.cacheStores += 1;
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size <= this.#maxEntries) return;
    const oldest = this.#entries.keys().next().value;
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** An open key that is held to what its attributes say now. Opened versions outlive a change of attributes. */
function held({ attributes: { allowedMechanisms: allowed } }: Entry, key: OpenKey): OpenKey {
  return allowed === undefined ? key : { ...key, allowed };
}

const both =
  (one: () => void, other: () => void): (() => void) =>
  () => {
    other();
    one();
  };

const versionNumbered = ({ versions }: KeyAttributes, wanted: number): KeyAttributes["versions"][number] | undefined =>
  versions.find(({ version }) => version === wanted);

const withMark = (attributes: KeyAttributes, wanted: number, mark: string): KeyAttributes => ({
  ...attributes,
  versions: attributes.versions.map((version) => (version.version === wanted ? { ...version, mark } : version)),
});

/** @throws {HsmError} KEY_STATE_FORBIDS once the namespace is being destroyed */
function requireLiving(namespace: string, { ending }: NamespaceEntry): void {
  if (ending === true) throw new HsmError("KEY_STATE_FORBIDS", `the namespace '${namespace}' is being destroyed`);
}

/** What is remembered of a use that its audit event must speak of. */
function noteState(grant: Grant, state: KeyStateName): void {
  if (state === "revoked" || state === "compromised") noteUncommonUse(grant, state);
}
