/**
 * The objects as one caller has them: those that are stored, and the session keys that are the caller's own. Handlers see
 * nothing else, so no handler knows where a key lives.
 *
 * Session keys of others are not here at all: what is asked of one is asked of the stored keys, which have none of that id.
 */
import { HsmError } from "@keystead/contract/errors";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Key } from "@keystead/crypto/composite-key";
import type { Grant } from "../grant.ts";
import type { KeyAttributes } from "./attributes.ts";
import type { DescribedKey, LeavingKey, NewKey, OpenKey, PreparedKey, VersionFacts } from "./key-shapes.ts";
import type { Step } from "./lifecycle.ts";
import { copyOf, type CopyWish } from "./copies.ts";
import { newAttributes } from "./new-attributes.ts";
import { weakerIn } from "./no-weaker.ts";
import type { KeyFacts, Objects } from "./objects.ts";
import { isSessionKeyId, type KeyOwner, type SessionKeys } from "./session-keys.ts";

/** What is the same for every caller. */
type Shared = Pick<
  Objects,
  | "now"
  | "list"
  | "count"
  | "revision"
  | "namespaces"
  | "describeNamespace"
  | "placesForOthers"
  | "knownNamespace"
  | "createNamespace"
  | "alterNamespace"
  | "requireDue"
  | "shred"
>;

export class CallersKeys implements Shared {
  readonly #stored: Objects;
  readonly #session: SessionKeys;
  readonly #owner: KeyOwner | undefined;

  /** @param owner who asks; undefined = nobody in particular, who has no session keys */
  constructor(stored: Objects, session: SessionKeys, owner: KeyOwner | undefined) {
    this.#stored = stored;
    this.#session = session;
    this.#owner = owner;
  }

  /** Whether this is a session key of the caller's. */
  isSessionKey(namespace: string, keyId: string): boolean {
    return this.#ownerOf(namespace, keyId) !== undefined;
  }

  /** Opens a key for the use its grant names. @throws {HsmError} as `Objects.open` */
  async open(grant: Grant, version = 0, noSuchVersion?: () => HsmError): Promise<OpenKey> {
    const owner = this.#ownerOf(grant.namespace, grant.keyId);
    return owner === undefined
      ? this.#stored.open(grant, version, noSuchVersion)
      : this.#session.open(owner, grant, version, noSuchVersion);
  }

  /** Opens the versions that may verify or decrypt, one after the other. @throws {HsmError} as `Objects.openAll` */
  async *openAll(grant: Grant): AsyncGenerator<OpenKey> {
    const owner = this.#ownerOf(grant.namespace, grant.keyId);
    if (owner === undefined) yield* this.#stored.openAll(grant);
    else yield this.#session.open(owner, grant);
  }

  /**
   * The material of a key, so that it can leave. @throws {HsmError} as `Objects.openForExport`
   *
   * @param under the managed key it is wrapped under
   */
  async openForExport(grant: Grant, way: "wrapped" | "plain", version = 0, under?: string): Promise<LeavingKey> {
    const wrapping = under === undefined ? undefined : await this.describe(grant.namespace, under);
    const owner = this.#ownerOf(grant.namespace, grant.keyId);
    return owner === undefined
      ? this.#stored.openForExport(grant, way, version, wrapping)
      : this.#session.openForExport(owner, grant, way, version, wrapping);
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND */
  async describe(namespace: string, keyId: string): Promise<DescribedKey> {
    const own = this.#owner === undefined ? undefined : this.#session.describe(this.#owner, namespace, keyId);
    return own ?? this.#stored.describe(namespace, keyId);
  }

  /** What rules may know of a key; as `Objects.facts`. @throws {HsmError} INTEGRITY_FAILURE */
  facts(namespace: string, keyId: string): KeyFacts | Promise<KeyFacts> {
    const own = this.#owner === undefined ? undefined : this.#session.describe(this.#owner, namespace, keyId);
    return own?.attributes ?? this.#stored.facts(namespace, keyId);
  }

  /**
   * Prepares a new key, stored or in memory alone.
   *
   * @throws {HsmError} as `Objects.create` and `SessionKeys.create`; INVALID_REQUEST for a stored key with an id that only
   *   session keys have, or a session key where every new key waits for its activation
   */
  async create(key: NewKey): Promise<PreparedKey> {
    if (key.sessionKey !== true) {
      if (isSessionKeyId(key.keyId)) throw new HsmError("INVALID_REQUEST", "key_id: ids of this form are those of session keys");
      return this.#stored.create(await this.#fromOutside(key));
    }
    if (this.#owner === undefined) throw new HsmError("INVALID_REQUEST", "session_key: nobody is there to have one");
    await this.#stored.admitSessionKey(key.namespace);
    const mark = (key.exportable ?? "never") === "never" ? {} : { mark: this.#stored.markOf(key.namespace, key.algorithm, key.key) };
    return this.#session.create(this.#owner, { ...(await this.#fromOutside(key)), ...mark });
  }

  /**
   * Prepares a copy of the key that a grant names.
   *
   * @throws {HsmError} as {@link create}; KEY_ATTRIBUTE_FORBIDS; INVALID_REQUEST for a copy that would be weaker; KEY_STATE_FORBIDS
   */
  async copy(grant: Grant, wish: CopyWish): Promise<PreparedKey> {
    const owner = this.#ownerOf(grant.namespace, grant.keyId);
    const { attributes, open } = owner === undefined ? await this.#stored.openToCopy(grant) : this.#session.openToCopy(owner, grant);
    return this.create(copyOf(attributes, open, wish, this.now()));
  }

  /** Prepares a new current version. @throws {HsmError} as `Objects.rotate`; INVALID_REQUEST for a session key */
  rotate(
    namespace: string,
    keyId: string,
    generate: (algorithm: AlgorithmName, sizeBytes: number | undefined) => Promise<Key>,
    facts?: VersionFacts,
  ): Promise<PreparedKey> {
    this.#requireStored("RotateKey", namespace, keyId);
    return this.#stored.rotate(namespace, keyId, generate, facts);
  }

  /** Promotes an older version. @throws {HsmError} as `Objects.rollback`; INVALID_REQUEST for a session key */
  rollback(namespace: string, keyId: string, version: number, facts?: VersionFacts): Promise<PreparedKey> {
    this.#requireStored("RollbackKey", namespace, keyId);
    return this.#stored.rollback(namespace, keyId, version, facts);
  }

  /** Prepares a step of a key's life. @throws {HsmError} as `Objects.alter`; INVALID_REQUEST for a session key, which has none */
  alter(operation: string, namespace: string, keyId: string, step: (before: KeyAttributes, now: number) => Step): Promise<PreparedKey> {
    this.#requireStored(operation, namespace, keyId);
    return this.#stored.alter(namespace, keyId, step);
  }

  /** Prepares a change of what is said about a key. @throws {HsmError} as `Objects.alter` */
  edit(namespace: string, keyId: string, step: (before: KeyAttributes, now: number) => Step): Promise<PreparedKey> {
    const owner = this.#ownerOf(namespace, keyId);
    return owner === undefined ? this.#stored.alter(namespace, keyId, step) : this.#session.edit(owner, namespace, keyId, step);
  }

  /**
   * Prepares the end of a key, at once.
   *
   * @param minDelaySeconds what a stored key has to wait at least; a session key never waits
   * @throws {HsmError} as `Objects.destroy`; INVALID_REQUEST for a stored key that may not end at once
   */
  destroy(namespace: string, keyId: string, minDelaySeconds: number): Promise<PreparedKey> {
    const owner = this.#ownerOf(namespace, keyId);
    if (owner !== undefined) return this.#session.destroy(owner, namespace, keyId);
    if (minDelaySeconds > 0)
      throw new HsmError(
        "INVALID_REQUEST",
        "keys are not destroyed at once here (lifecycle.min_destruction_delay_seconds): use DestroyKey",
      );
    return this.#stored.destroy(namespace, keyId);
  }

  now(): number {
    return this.#stored.now();
  }

  list(...asked: Parameters<Objects["list"]>): ReturnType<Objects["list"]> {
    return this.#stored.list(...asked);
  }

  count(...asked: Parameters<Objects["count"]>): ReturnType<Objects["count"]> {
    return this.#stored.count(...asked);
  }

  revision(namespace: string): Promise<number> {
    return this.#stored.revision(namespace);
  }

  namespaces(): ReturnType<Objects["namespaces"]> {
    return this.#stored.namespaces();
  }

  placesForOthers(namespace: string): ReturnType<Objects["placesForOthers"]> {
    return this.#stored.placesForOthers(namespace);
  }

  describeNamespace(namespace: string): ReturnType<Objects["describeNamespace"]> {
    return this.#stored.describeNamespace(namespace);
  }

  knownNamespace(namespace: string): ReturnType<Objects["knownNamespace"]> {
    return this.#stored.knownNamespace(namespace);
  }

  createNamespace(...asked: Parameters<Objects["createNamespace"]>): ReturnType<Objects["createNamespace"]> {
    return this.#stored.createNamespace(...asked);
  }

  alterNamespace(...asked: Parameters<Objects["alterNamespace"]>): ReturnType<Objects["alterNamespace"]> {
    return this.#stored.alterNamespace(...asked);
  }

  requireDue(namespace: string): void {
    this.#stored.requireDue(namespace);
  }

  /** Destroys keys of a namespace that ends; its session keys end first. */
  async shred(...asked: Parameters<Objects["shred"]>): ReturnType<Objects["shred"]> {
    const shredding = await this.#stored.shred(...asked);
    this.#session.endNamespace(asked[0]);
    return shredding;
  }

  /**
   * A key that came wrapped, as it may be here: what left this namespace does not come back weaker than it was, and what came
   * under a trusted key leaves under trusted ones alone.
   *
   * @throws {HsmError} INVALID_REQUEST
   */
  async #fromOutside(key: NewKey): Promise<NewKey> {
    if (key.under === undefined) return key;
    const { namespace, exportable = "never" } = key;
    const { trusted } = (await this.describe(namespace, key.under)).attributes;
    if (trusted === true && exportable === "plain")
      throw new HsmError("INVALID_REQUEST", "exportable: what came under a trusted key does not leave in plain");
    const guarded = trusted === true && exportable === "wrapped" ? { ...key, wrapWithTrusted: true } : key;
    const mark = this.#stored.markOf(namespace, key.algorithm, key.key);
    const known = [...(await this.#stored.ofMaterial(namespace, mark)), ...this.#session.ofMaterial(namespace, mark)];
    const attributes = newAttributes(guarded, this.now());
    for (const before of known) {
      const weaker = weakerIn(before, attributes);
      if (weaker !== undefined)
        throw new HsmError("INVALID_REQUEST", `${weaker}: this key was here before, and does not come back weaker than it was`);
    }
    return guarded;
  }

  #ownerOf(namespace: string, keyId: string): KeyOwner | undefined {
    return this.#owner !== undefined && this.#session.has(this.#owner, namespace, keyId) ? this.#owner : undefined;
  }

  #requireStored(operation: string, namespace: string, keyId: string): void {
    if (this.isSessionKey(namespace, keyId))
      throw new HsmError(
        "INVALID_REQUEST",
        `${operation} is not for session keys, and '${keyId}' is one: it lives as it is until DeleteKey`,
      );
  }
}
