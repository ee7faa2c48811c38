/**
 * Session keys: keys whose record and material are in this memory alone (PKCS#11 session objects, CKA_TOKEN = false).
 *
 * One belongs to the principal that made it, and to the session it came with when there was one; to everybody else,
 * whatever their permissions, it is a key that is not there. It ends when its owner deletes it, when that session is over,
 * when nobody used it for a while, when its namespace goes, and with the open vault. It has one version and no life but
 * that: nothing rotates, suspends or revokes it. This file must never write a record, and never find a key by anybody else.
 *
 * @see PKCS#11 3.2 §4.4 (CKA_TOKEN), §6.7.4 (what becomes of session objects)
 */
import { HsmError } from "@keystead/contract/errors";
import { USAGE_TENSES } from "@keystead/contract/lifecycle";
import { publicKeyDer } from "@keystead/crypto/formats/public-key";
import { loadPublicKey, mechanismFor } from "@keystead/crypto/mechanisms/register";
import { uuidV7 } from "@keystead/crypto/uuid";
import { consumeGrant, type Grant } from "../grant.ts";
import type { KeyAttributes } from "./attributes.ts";
import { ObjectLocks, preparedChange } from "./change.ts";
import { collectSoon } from "./collect.ts";
import { permit, permitCopy, permitExport, permitUnder } from "./key-rules.ts";
import type { DescribedKey, LeavingKey, NewKey, OpenKey, PreparedKey } from "./key-shapes.ts";
import { destroyAtOnce, type Step } from "./lifecycle.ts";
import { newAttributes } from "./new-attributes.ts";
import type { Used } from "./used.ts";
import { leavingKey } from "./wrapping-strength.ts";

/** Whose keys are meant. */
export interface KeyOwner {
  /** Id of the principal. */
  readonly id: string;
  /** The session they came with; left out without one. */
  readonly session?: { readonly id: string; ended(): boolean };
}

export interface SessionKeyRules {
  /** Of one principal, over all its sessions. */
  readonly most: number;
  /** Milliseconds without a use after which one ends. */
  readonly idleMs: number;
  /** Keys leave under weaker ones too. */
  readonly weakerWrapping?: boolean;
}

interface Held {
  readonly owner: KeyOwner;
  readonly namespace: string;
  readonly keyId: string;
  attributes: KeyAttributes;
  readonly open: OpenKey;
  used: Used;
  /** Milliseconds since the epoch; a look counts as well as a use. */
  touchedAt: number;
}

/** Of everybody together: locked memory for private keys is bounded, and stored keys need it too. */
const MOST_TOGETHER = 16_384;
const ID = /^session-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The id of a new session key. The vault chooses it, so that nobody learns from a refusal that somebody else has one.
 *
 * @param nowMs since the epoch
 */
export const newSessionKeyId = (nowMs: number): string => `session-${uuidV7(nowMs)}`;

/** Whether an id is of the form that only session keys have: no stored key takes the place of one that ended. */
export const isSessionKeyId = (keyId: string): boolean => ID.test(keyId);

export class SessionKeys {
  readonly #rules: SessionKeyRules;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  /** By principal, those that are being made too. */
  readonly #counts = new Map<string, number>();
  readonly #locks = new ObjectLocks();
  #together = 0;
  #closed = false;

  constructor(rules: SessionKeyRules, now: () => number) {
    this.#rules = rules;
    this.#now = now;
  }

  /** How many there are. */
  get count(): number {
    return this.#held.size;
  }

  /** Whether the owner has this key. */
  has(owner: KeyOwner, namespace: string, keyId: string): boolean {
    return this.#find(owner, namespace, keyId) !== undefined;
  }

  /** What is known of the owner's key; undefined when they have none of this id. */
  describe(owner: KeyOwner, namespace: string, keyId: string): DescribedKey | undefined {
    const held = this.#find(owner, namespace, keyId);
    return held === undefined ? undefined : this.#described(held);
  }

  /**
   * Prepares a new key; it is there when its event is durable.
   *
   * @throws {HsmError} INVALID_REQUEST for what only stored keys have; QUOTA_EXCEEDED
   */
  create(owner: KeyOwner, key: NewKey): PreparedKey {
    if (!isSessionKeyId(key.keyId)) throw new TypeError(`'${key.keyId}' is no id of a session key`);
    if (key.state === "pre_activation") throw new HsmError("INVALID_REQUEST", "state: a session key is active from the first on");
    if (key.rotation !== undefined) throw new HsmError("INVALID_REQUEST", "rotation_policy: a session key is not rotated");
    this.sweep();
    const own = this.#counts.get(owner.id) ?? 0;
    if (own >= this.#rules.most)
      throw new HsmError("QUOTA_EXCEEDED", `a principal may have ${this.#rules.most} session keys (pkcs11.session_keys)`);
    if (this.#together >= MOST_TOGETHER) throw new HsmError("QUOTA_EXCEEDED", "the vault holds as many session keys as it can");
    const now = this.#now();
    const { namespace, keyId, algorithm } = key;
    const attributes = newAttributes(key, now);
    const publicKey = key.key.type === "secret" ? undefined : loadPublicKey(algorithm, publicKeyDer(key.key));
    const open: OpenKey = { keyId, algorithm, version: 1, mechanism: mechanismFor(algorithm), key: key.key, publicKey };
    const held: Held = { owner, namespace, keyId, attributes, open, used: { uses: 0, bytes: 0, lastAt: 0 }, touchedAt: now };
    this.#count(owner, 1);
    const change = preparedChange(
      [],
      () => undefined,
      () => {
        // A vault that was closed, or a session that ended, while this was recorded has it no more.
        if (this.#closed || owner.session?.ended() === true) this.#count(owner, -1);
        else this.#held.set(nameOf(namespace, keyId), held);
      },
      () => this.#count(owner, -1),
    );
    return { described: this.#described(held), change: { ...change, sessionKey: true } };
  }

  /**
   * Opens the owner's key for the use its grant names, which is spent and counted.
   *
   * @throws {HsmError} as `Objects.open`; OBJECT_NOT_FOUND when it has ended meanwhile
   */
  open(owner: KeyOwner, grant: Grant, version = 0, noSuchVersion?: () => HsmError): OpenKey {
    const { namespace, keyId, usage, mayUseRevoked = false, reauthenticated = false, bytes = 0 } = consumeGrant(grant);
    const held = this.#owned(owner, namespace, keyId);
    const now = this.#now();
    permit(held.attributes, keyId, usage, version === 0 ? 1 : version, { now, mayUseRevoked, reauthenticated }, noSuchVersion);
    const { allowedMechanisms: allowed, maxUses = Infinity, maxBytes = Infinity } = held.attributes;
    const makesNew = USAGE_TENSES[usage] === "new";
    const uses = held.used.uses + (makesNew ? 1 : 0);
    const sum = held.used.bytes + (makesNew ? bytes : 0);
    if (makesNew && (uses > maxUses || sum > maxBytes))
      throw new HsmError("KEY_EXHAUSTED", `key '${keyId}' has been used as often as it may`);
    held.used = { uses, bytes: sum, lastAt: now };
    return allowed === undefined ? held.open : { ...held.open, allowed };
  }

  /** The material, to leave; as `Objects.openForExport`. @throws {HsmError} */
  openForExport(owner: KeyOwner, grant: Grant, way: "wrapped" | "plain", version = 0, under?: DescribedKey): LeavingKey {
    const { namespace, keyId, usage, mayUseRevoked = false, reauthenticated = false } = consumeGrant(grant);
    if (usage !== "export") throw new HsmError("PERMISSION_DENIED", "this grant does not let a key out");
    const held = this.#owned(owner, namespace, keyId);
    permitExport(held.attributes, keyId, way, version === 0 ? 1 : version, { now: this.#now(), mayUseRevoked, reauthenticated });
    permitUnder(under, held.attributes, keyId);
    const { weakerWrapping = false } = this.#rules;
    return leavingKey({ keyId, algorithm: held.attributes.algorithm, version: 1, key: held.open.key, under, weakerWrapping });
  }

  /** The owner's key, to be copied; as `Objects.openToCopy`. @throws {HsmError} */
  openToCopy(owner: KeyOwner, grant: Grant): { readonly attributes: KeyAttributes; readonly open: OpenKey } {
    const { namespace, keyId, usage } = consumeGrant(grant);
    if (usage !== "copy") throw new HsmError("PERMISSION_DENIED", "this grant does not copy a key");
    const { attributes, open } = this.#owned(owner, namespace, keyId);
    permitCopy(attributes, keyId, this.#now());
    return { attributes, open };
  }

  /** Every key of a namespace, whoever has it, that has material of this mark and could leave. */
  ofMaterial(namespace: string, mark: string): KeyAttributes[] {
    return [...this.#held.values()].flatMap(({ namespace: own, attributes }) =>
      own === namespace && attributes.versions.some((version) => version.mark === mark) ? attributes : [],
    );
  }

  /** Prepares a change of what is said about the owner's key. @throws {HsmError} OBJECT_NOT_FOUND; what `step` throws */
  async edit(owner: KeyOwner, namespace: string, keyId: string, step: (before: KeyAttributes, now: number) => Step): Promise<PreparedKey> {
    const release = await this.#locks.acquire(nameOf(namespace, keyId));
    try {
      const held = this.#owned(owner, namespace, keyId);
      const { attributes } = step(held.attributes, this.#now());
      if (attributes.rotation !== undefined) throw new HsmError("INVALID_REQUEST", "rotation_policy: a session key is not rotated");
      const change = preparedChange([], release, () => void (held.attributes = attributes));
      return { described: { ...this.#described(held), attributes }, change: { ...change, sessionKey: true } };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Prepares the end of the owner's key. @throws {HsmError} OBJECT_NOT_FOUND; what stands against destroying any key */
  async destroy(owner: KeyOwner, namespace: string, keyId: string): Promise<PreparedKey> {
    const release = await this.#locks.acquire(nameOf(namespace, keyId));
    try {
      const held = this.#owned(owner, namespace, keyId);
      const { attributes } = destroyAtOnce(keyId, held.attributes, this.#now());
      const moved = { from: { state: held.attributes.state, version: 1 }, to: { state: attributes.state, version: 1 } };
      const change = preparedChange([], release, () => this.#end(held));
      return { described: { ...this.#described(held), attributes }, change: { ...change, moved, sessionKey: true } };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Ends what nobody used for too long, and what sessions that are over have left. */
  sweep(): void {
    const now = this.#now();
    for (const held of this.#held.values()) if (this.#isOver(held, now)) this.#end(held);
  }

  /** Ends the keys of a session. */
  endSession(id: string): void {
    for (const held of this.#held.values()) if (held.owner.session?.id === id) this.#end(held);
  }

  /** Ends the keys of a namespace. */
  endNamespace(namespace: string): void {
    for (const held of this.#held.values()) if (held.namespace === namespace) this.#end(held);
  }

  /** Ends all of them; none is made any more. */
  close(): void {
    this.#closed = true;
    for (const held of this.#held.values()) this.#end(held);
  }

  #isOver({ owner, touchedAt }: Held, now: number): boolean {
    return now - touchedAt >= this.#rules.idleMs || owner.session?.ended() === true;
  }

  #find(owner: KeyOwner, namespace: string, keyId: string): Held | undefined {
    const held = this.#held.get(nameOf(namespace, keyId));
    if (held === undefined || held.owner.id !== owner.id) return undefined;
    // What was made without a session is for every session of the principal.
    if (held.owner.session !== undefined && held.owner.session.id !== owner.session?.id) return undefined;
    const now = this.#now();
    if (this.#isOver(held, now)) {
      this.#end(held);
      return undefined;
    }
    held.touchedAt = now;
    return held;
  }

  #owned(owner: KeyOwner, namespace: string, keyId: string): Held {
    const held = this.#find(owner, namespace, keyId);
    if (held === undefined) throw new HsmError("OBJECT_NOT_FOUND", `no key '${keyId}' in namespace '${namespace}'`);
    return held;
  }

  #end({ owner, namespace, keyId }: Held): void {
    if (!this.#held.delete(nameOf(namespace, keyId))) return;
    this.#count(owner, -1);
    // What OpenSSL keeps of the key is zeroed when it is collected.
    collectSoon();
  }

  #count({ id }: KeyOwner, by: number): void {
    const own = (this.#counts.get(id) ?? 0) + by;
    if (own === 0) this.#counts.delete(id);
    else this.#counts.set(id, own);
    this.#together += by;
  }

  #described({ namespace, keyId, attributes, used }: Held): DescribedKey {
    return { namespace, keyId, attributes, asOf: this.#now(), used, sessionKey: true };
  }
}

const nameOf = (namespace: string, keyId: string): string => `${namespace}/${keyId}`;
