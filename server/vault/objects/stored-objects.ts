/**
 * Stored objects: certificates and data of PKCS#11, beside the keys of a namespace.
 *
 * Each is a document, whose value is its material: sealed, anchored, and read when somebody asks for it. What the objects
 * say of themselves is held in memory, filed by what they are looked for by. Who may see one is decided elsewhere; here a
 * request says whether private ones are meant, and which tags of a token hold.
 *
 * @see PKCS#11 3.2 §4.5 (data), §4.6 (certificates)
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { derChildren, derPart, MalformedDer } from "@keystead/crypto/formats/der-part";
import { fillRandom } from "@keystead/crypto/random";
import type { Change } from "./change.ts";
import type { Document, DocumentName, Documents } from "./documents.ts";

/** What an object says; bytes as base64url. */
export interface StoredObject {
  readonly namespace: string;
  readonly class: "certificate" | "data";
  readonly label: string;
  readonly id: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly category: number;
  readonly trusted: boolean;
  readonly private: boolean;
  readonly application: string;
  readonly dataObjectId: string;
  readonly modifiable: boolean;
  readonly destroyable: boolean;
  readonly copyable: boolean;
  readonly tags: readonly string[];
  readonly valueBytes: number;
  readonly createdAt: number;
}

/** Members by which objects are looked for. */
export const FILED = ["class", "label", "id", "subject", "issuer", "serial", "application"] as const;
export type StoredObjectMatch = Partial<Pick<StoredObject, (typeof FILED)[number]>>;

export type NewStoredObject = Omit<StoredObject, "valueBytes" | "createdAt">;
export type StoredObjectChanges = {
  readonly [N in "label" | "id" | "application" | "dataObjectId" | "trusted"]?: StoredObject[N] | undefined;
} & {
  readonly value?: Uint8Array | undefined;
};

/** What whoever asks may see. */
export interface Sight {
  readonly private: boolean;
  /** Objects that carry all of these. */
  readonly tags: readonly string[];
}

export interface FoundObject {
  readonly objectId: string;
  readonly object: StoredObject;
  /** Milliseconds since the epoch of its last change. */
  readonly changedAt: number;
}

/** Objects of one namespace, and of all. */
const MOST_EACH = 10_000;
const MOST = 100_000;
/** Of the names and the serial number that a certificate says, in DER: they are in memory. */
const MOST_NAME_BYTES = 2048;
const MOST_SERIAL_BYTES = 64;
/** Removed with one event of the log. */
const AT_ONCE = 200;

const documentOf = (objectId: string): DocumentName => ({ kind: "stored-object", id: objectId });
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");

export class StoredObjects {
  readonly #documents: Documents;
  readonly #now: () => number;
  /** Ids by namespace, and by namespace and what they say. */
  readonly #filed = new Map<string, Set<string>>();
  readonly #entries = new Map<string, readonly string[]>();
  /** Of changes under way, which count. */
  readonly #beginning = new Map<string, string>();

  constructor(documents: Documents, now: () => number) {
    this.#documents = documents;
    this.#now = now;
    for (const { id, value } of documents.list<StoredObject>("stored-object")) this.#file(id, value);
    documents.watch("stored-object", (id, document) => this.#file(id, document?.value as StoredObject | undefined));
  }

  /** How many a namespace has, with those being made. */
  count(namespace: string): number {
    let beginning = 0;
    for (const other of this.#beginning.values()) if (other === namespace) beginning += 1;
    return (this.#filed.get(place(namespace))?.size ?? 0) + beginning;
  }

  /**
   * Prepares a new one.
   *
   * @param room how many the namespace may have, asked when it is decided; Infinity = as many as any
   * @throws {HsmError} INVALID_REQUEST for a certificate that is none, or says something else; QUOTA_EXCEEDED
   */
  async store(
    wanted: NewStoredObject,
    value: Uint8Array,
    room: () => number = () => Infinity,
  ): Promise<{ readonly found: FoundObject; readonly change: Change }> {
    const said = wanted.class === "certificate" ? certificateSays(value) : {};
    for (const [name, text] of Object.entries(said))
      if (wanted[name as keyof typeof said] !== "" && wanted[name as keyof typeof said] !== text)
        throw new HsmError("INVALID_REQUEST", `${name === "serial" ? "serial_number" : name} is not what the certificate says`);
    const objectId = `obj-${fillRandom(Buffer.alloc(12)).toString("hex")}`;
    const now = this.#now();
    const object: StoredObject = { ...wanted, ...said, valueBytes: value.byteLength, createdAt: now };
    const change = await this.#documents.change([documentOf(objectId)], () => {
      if (this.count(wanted.namespace) >= Math.min(room(), MOST_EACH))
        throw new HsmError("QUOTA_EXCEEDED", `namespace '${wanted.namespace}' has as many objects as it may have`);
      if (this.#documents.count("stored-object") + this.#beginning.size >= MOST)
        throw new HsmError("QUOTA_EXCEEDED", "there are as many stored objects as there may be");
      this.#beginning.set(objectId, wanted.namespace);
      return [{ ...documentOf(objectId), value: object, material: value }];
    });
    const settle = (durable: boolean): void => {
      change.settle(durable);
      this.#beginning.delete(objectId);
    };
    return { found: { objectId, object, changedAt: now }, change: { ...change, settle } };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND also for one that may not be seen */
  get(namespace: string, objectId: string, sight: Sight): FoundObject {
    const found = this.#documents.get<StoredObject>("stored-object", objectId);
    if (found === undefined || found.value.namespace !== namespace || !isSeen(found.value, sight))
      throw new HsmError("OBJECT_NOT_FOUND", `there is no object '${objectId}'`);
    return foundOf(found);
  }

  /** Its value; the caller wipes it. @throws {HsmError} OBJECT_NOT_FOUND; INTEGRITY_FAILURE */
  value(objectId: string): Promise<Buffer> {
    return this.#documents.material("stored-object", objectId);
  }

  /** By id, after `after`. */
  find(
    namespace: string,
    match: StoredObjectMatch,
    sight: Sight,
    after: string,
    limit: number,
  ): { readonly objects: readonly FoundObject[]; readonly more: boolean } {
    const places = [place(namespace), ...entriesOf(namespace, match)];
    const [smallest, ...others] = places.map((name) => this.#filed.get(name) ?? NONE).sort((a, b) => a.size - b.size);
    const objects: FoundObject[] = [];
    for (const objectId of [...(smallest ?? NONE)].sort()) {
      if (objectId <= after || !others.every((ids) => ids.has(objectId))) continue;
      const document = this.#documents.get<StoredObject>("stored-object", objectId);
      if (document === undefined || !isSeen(document.value, sight)) continue;
      if (objects.length === limit) return { objects, more: true };
      objects.push(foundOf(document));
    }
    return { objects, more: false };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; KEY_STATE_FORBIDS when it may not be changed; INVALID_REQUEST for what it has not */
  async update(
    namespace: string,
    objectId: string,
    sight: Sight,
    { value, ...changes }: StoredObjectChanges,
  ): Promise<{ readonly found: FoundObject; readonly change: Change }> {
    let object!: StoredObject;
    const change = await this.#documents.change([documentOf(objectId)], () => {
      const before = this.get(namespace, objectId, sight).object;
      if (!before.modifiable) throw new HsmError("KEY_STATE_FORBIDS", `object '${objectId}' may not be changed`);
      const certificate = before.class === "certificate";
      if (certificate && (value !== undefined || changes.application !== undefined || changes.dataObjectId !== undefined))
        throw new HsmError("INVALID_REQUEST", "a certificate has neither another value nor an application");
      if (!certificate && (changes.id !== undefined || changes.trusted !== undefined))
        throw new HsmError("INVALID_REQUEST", "id and trusted are of certificates");
      const said = Object.fromEntries(Object.entries(changes).filter(([, each]) => each !== undefined));
      object = { ...before, ...said, valueBytes: value?.byteLength ?? before.valueBytes };
      return [{ ...documentOf(objectId), value: object, ...(value === undefined ? {} : { material: value }) }];
    });
    return { found: { objectId, object, changedAt: this.#now() }, change };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; KEY_STATE_FORBIDS when it may not be removed */
  remove(namespace: string, objectId: string, sight: Sight): Promise<Change> {
    return this.#documents.change([documentOf(objectId)], () => {
      if (!this.get(namespace, objectId, sight).object.destroyable)
        throw new HsmError("KEY_STATE_FORBIDS", `object '${objectId}' may not be removed`);
      return [{ ...documentOf(objectId), value: undefined }];
    });
  }

  /** Removes the objects of a namespace that ends. @throws what recording throws */
  async end(namespace: string): Promise<void> {
    for (;;) {
      const names = [...(this.#filed.get(place(namespace)) ?? NONE)].slice(0, AT_ONCE).map(documentOf);
      if (names.length === 0) return;
      await this.#documents.record("EndStoredObjects", names, () => names.map((name) => ({ ...name, value: undefined })));
    }
  }

  #file(objectId: string, object: StoredObject | undefined): void {
    for (const entry of this.#entries.get(objectId) ?? []) {
      const ids = this.#filed.get(entry);
      ids?.delete(objectId);
      if (ids?.size === 0) this.#filed.delete(entry);
    }
    this.#entries.delete(objectId);
    if (object === undefined) return;
    const entries = [place(object.namespace), ...entriesOf(object.namespace, object)];
    this.#entries.set(objectId, entries);
    for (const entry of entries) {
      const ids = this.#filed.get(entry);
      if (ids === undefined) this.#filed.set(entry, new Set([objectId]));
      else ids.add(objectId);
    }
  }
}

const NONE: ReadonlySet<string> = new Set();

const place = (namespace: string): string => JSON.stringify([namespace]);
/** Names of entries are short, however long what they are about is. */
const entriesOf = (namespace: string, match: StoredObjectMatch): string[] =>
  FILED.flatMap((name) => (match[name] === undefined ? [] : [hash("sha256", JSON.stringify([namespace, name, match[name]]), "base64url")]));

const isSeen = (object: StoredObject, sight: Sight): boolean =>
  (!object.private || sight.private) && sight.tags.every((tag) => object.tags.includes(tag));

const foundOf = ({ id, value, time }: Document<StoredObject>): FoundObject => ({ objectId: id, object: value, changedAt: time });

/** What a certificate says of itself, in DER (RFC 5280 §4.1). @throws {HsmError} INVALID_REQUEST for what is no certificate */
function certificateSays(value: Uint8Array): Pick<StoredObject, "subject" | "issuer" | "serial"> {
  try {
    const [toBeSigned, algorithm, signature, ...rest] = derChildren(derPart(Buffer.from(value.buffer, value.byteOffset, value.byteLength)));
    const parts = derChildren(toBeSigned);
    const [serial, , issuer, , subject] = parts[0]?.tag === 0xa0 ? parts.slice(1) : parts;
    const fits = algorithm !== undefined && signature !== undefined && rest.length === 0 && serial?.tag === 0x02;
    if (!fits || issuer?.tag !== 0x30 || subject?.tag !== 0x30) throw new MalformedDer("no certificate");
    if (Math.max(subject.whole.length, issuer.whole.length) > MOST_NAME_BYTES || serial.whole.length > MOST_SERIAL_BYTES)
      throw new HsmError(
        "INVALID_REQUEST",
        `a certificate is stored whose names have ${MOST_NAME_BYTES} bytes at most, and its serial number ${MOST_SERIAL_BYTES}`,
      );
    return { subject: base64(subject.whole), issuer: base64(issuer.whole), serial: base64(serial.whole) };
  } catch (error) {
    if (!(error instanceof MalformedDer)) throw error;
    throw new HsmError("INVALID_REQUEST", "the value is no X.509 certificate in DER");
  }
}
