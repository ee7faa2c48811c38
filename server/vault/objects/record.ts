/**
 * The sealed record: the only form in which an object leaves the vault's memory.
 *
 *      "KSR1" | u16 n | header (canonical JSON, n bytes) | nonce 12 | u32 m | sealed (m bytes: ciphertext ‖ tag 16) | MAC 48
 *
 * The header says what the record is (namespace, kind, id, version, generation, time) so that a store can file it;
 * everything else is inside `sealed`, AES-256-GCM with the header as associated data:
 *
 *      u32 k | attributes (canonical JSON, k bytes) | material (the rest, may be empty)
 *
 * The MAC is HMAC-SHA-384 over every byte before it, under a key of its own. The digest (SHA-256 of the whole record)
 * goes to the audit log with each change, which is what makes a restored old record visible.
 *
 * @see ARCHITECTURE.md "Data at rest"; NIST SP 800-38D
 */
import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { canonicalJson, type Json } from "@keystead/crypto/formats/canonical-json";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";

/** Kinds of documents: what the vault keeps besides keys, about itself (documents.ts). Names are never reused. */
export const DOCUMENT_KINDS = Object.freeze([
  "policy",
  "delegation",
  "configuration",
  "user",
  "service-account",
  "session",
  "lockout",
  "used-token",
  "retired-name",
  "token-key",
  "approval",
  "approver-key",
  "script",
  "limit",
  "shredding",
  "alert",
  "sink",
  "token",
  "token-pin",
  "stored-object",
] as const);
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

/** Stands where a namespace would in the name of a document's record. No namespace can be called so. */
export const SERVER_SPACE = "_server";

export type RecordKind = "namespace" | "key" | "version" | DocumentKind;

const KINDS: ReadonlySet<string> = new Set(["namespace", "key", "version", ...DOCUMENT_KINDS]);

/** Whether a record is sealed by the KEK itself: those of namespaces and of documents are. */
export const underKek = (key: RecordKey): boolean => key.kind === "namespace" || key.namespace === SERVER_SPACE;

/** Which record. `version` is 0 except for kind "version". */
export interface RecordKey {
  readonly namespace: string;
  readonly kind: RecordKind;
  readonly id: string;
  readonly version: number;
}

export interface RecordHeader extends RecordKey {
  /** Counts the changes of this record, from 1. */
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** What a store may file it under (attribute-index.ts), sorted; records written before there was an index have none. */
  readonly index?: readonly string[];
}

/** A record as stores keep it and the audit log anchors it. */
export interface SealedRecord {
  readonly key: RecordKey;
  readonly bytes: Buffer;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly digest: string;
}

export interface OpenedRecord<A> {
  readonly header: RecordHeader;
  readonly attributes: A;
  /** Secret; whoever asked for it wipes it. */
  readonly material: Buffer;
}

const MAGIC = Buffer.from("KSR1", "latin1");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAC_BYTES = 48;

/** The record's name in the audit log: `namespace/kind/id/version`. Namespaces and ids contain no slash. */
export const recordName = (key: RecordKey): string => `${key.namespace}/${key.kind}/${key.id}/${key.version}`;

/** The inverse of {@link recordName}, or undefined. */
export function parseRecordName(name: string): RecordKey | undefined {
  const [namespace, kind, id, version, ...rest] = name.split("/");
  if (namespace === undefined || id === undefined || version === undefined || rest.length > 0 || !/^\d{1,10}$/.test(version))
    return undefined;
  if (kind === undefined || !KINDS.has(kind)) return undefined;
  return { namespace, kind: kind as RecordKind, id, version: Number(version) };
}

const damaged = (key: RecordKey, what: string): HsmError =>
  new HsmError("INTEGRITY_FAILURE", `record ${recordName(key)} does not verify`, { cause: new Error(what) });

/** SHA-256 of a record's bytes, as the audit log carries it. */
export const recordDigest = (bytes: Uint8Array): string => hash("sha256", bytes, "hex");

/** Seals. `material` is copied; the caller wipes its own. */
export function sealRecord(header: RecordHeader, attributes: Json, material: Uint8Array, kek: KeyObject, macKey: KeyObject): SealedRecord {
  const head = Buffer.from(
    canonicalJson({
      generation: header.generation,
      id: header.id,
      ...(header.index === undefined ? {} : { index: header.index }),
      kind: header.kind,
      namespace: header.namespace,
      time: header.time,
      version: header.version,
    }),
    "utf8",
  );
  const described = Buffer.from(canonicalJson(attributes), "utf8");
  const plain = secretBuffer(4 + described.length + material.length);
  plain.writeUInt32BE(described.length, 0);
  described.copy(plain, 4);
  plain.set(material, 4 + described.length);
  const prefix = Buffer.alloc(MAGIC.length + 2 + head.length);
  MAGIC.copy(prefix);
  prefix.writeUInt16BE(head.length, MAGIC.length);
  head.copy(prefix, MAGIC.length + 2);
  const nonce = fillRandom(Buffer.alloc(NONCE_BYTES));
  const cipher = createCipheriv("aes-256-gcm", kek, nonce);
  cipher.setAAD(prefix);
  const ciphertext = cipher.update(plain);
  cipher.final();
  wipe(plain);
  const bytes = Buffer.alloc(prefix.length + NONCE_BYTES + 4 + ciphertext.length + TAG_BYTES + MAC_BYTES);
  let at = prefix.copy(bytes);
  at += nonce.copy(bytes, at);
  at = bytes.writeUInt32BE(ciphertext.length + TAG_BYTES, at);
  at += ciphertext.copy(bytes, at);
  at += cipher.getAuthTag().copy(bytes, at);
  createHmac("sha384", macKey).update(bytes.subarray(0, at)).digest().copy(bytes, at);
  return {
    key: { namespace: header.namespace, kind: header.kind, id: header.id, version: header.version },
    bytes,
    digest: recordDigest(bytes),
  };
}

/**
 * Opens a record after checking, in this order: MAC over every byte, that it is the record that was asked for, and
 * the AEAD tag.
 *
 * @throws {HsmError} INTEGRITY_FAILURE naming the record
 */
export function openRecord<A>(key: RecordKey, bytes: Buffer, kek: KeyObject, macKey: KeyObject): OpenedRecord<A> {
  const { header, prefixBytes } = checkRecord(key, bytes, macKey);
  const nonce = bytes.subarray(prefixBytes, prefixBytes + NONCE_BYTES);
  const sealedBytes = bytes.readUInt32BE(prefixBytes + NONCE_BYTES);
  const sealedFrom = prefixBytes + NONCE_BYTES + 4;
  if (sealedBytes < TAG_BYTES + 4 || sealedFrom + sealedBytes + MAC_BYTES !== bytes.length) throw damaged(key, "length");
  const decipher = createDecipheriv("aes-256-gcm", kek, nonce);
  decipher.setAAD(bytes.subarray(0, prefixBytes));
  decipher.setAuthTag(bytes.subarray(sealedFrom + sealedBytes - TAG_BYTES, sealedFrom + sealedBytes));
  const plain = decipher.update(bytes.subarray(sealedFrom, sealedFrom + sealedBytes - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    wipe(plain);
    throw damaged(key, "seal");
  }
  const describedBytes = plain.readUInt32BE(0);
  const attributes = JSON.parse(plain.toString("utf8", 4, 4 + describedBytes)) as A;
  const material = secretBuffer(plain.length - 4 - describedBytes);
  plain.copy(material, 0, 4 + describedBytes);
  wipe(plain);
  return { header, attributes, material };
}

/** Whether the MAC at a record's end is right under this key. */
export function macFits(bytes: Buffer, macKey: KeyObject): boolean {
  if (bytes.length < MAC_BYTES) return false;
  const mac = createHmac("sha384", macKey)
    .update(bytes.subarray(0, bytes.length - MAC_BYTES))
    .digest();
  return timingSafeEqual(mac, bytes.subarray(bytes.length - MAC_BYTES));
}

/** The same record with its MAC under another key. What is sealed stays sealed. */
export function underMacKey(record: Buffer, macKey: KeyObject): Buffer {
  const bytes = Buffer.from(record);
  const body = bytes.subarray(0, bytes.length - MAC_BYTES);
  createHmac("sha384", macKey).update(body).digest().copy(bytes, body.length);
  return bytes;
}

/** The header as it stands there, unproven, or undefined when there is none. */
function headerAsWritten(bytes: Buffer): RecordHeader | undefined {
  if (bytes.length < MAGIC.length + 2 || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8", MAGIC.length + 2, MAGIC.length + 2 + bytes.readUInt16BE(MAGIC.length))) as RecordHeader;
  } catch {
    return undefined;
  }
}

/** What a record says it may be filed under; nothing for bytes that are no record. Stores use it; it proves nothing. */
export function writtenIndex(bytes: Buffer | undefined): readonly string[] {
  const index: unknown = bytes === undefined ? undefined : headerAsWritten(bytes)?.index;
  return Array.isArray(index) ? [...new Set(index.filter((entry) => typeof entry === "string"))] : [];
}

/** Checks MAC and identity without opening: what verification passes use. @throws {HsmError} INTEGRITY_FAILURE */
export function checkRecord(key: RecordKey, bytes: Buffer, macKey: KeyObject): { header: RecordHeader; prefixBytes: number } {
  if (bytes.length < MAGIC.length + 2 + NONCE_BYTES + 4 + TAG_BYTES + MAC_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw damaged(key, "form");
  const body = bytes.subarray(0, bytes.length - MAC_BYTES);
  const mac = createHmac("sha384", macKey).update(body).digest();
  if (!timingSafeEqual(mac, bytes.subarray(bytes.length - MAC_BYTES))) throw damaged(key, "MAC");
  const headBytes = bytes.readUInt16BE(MAGIC.length);
  const prefixBytes = MAGIC.length + 2 + headBytes;
  const header = JSON.parse(bytes.toString("utf8", MAGIC.length + 2, prefixBytes)) as RecordHeader;
  if (header.namespace !== key.namespace || header.kind !== key.kind || header.id !== key.id || header.version !== key.version)
    throw damaged(key, "another record's bytes");
  return { header, prefixBytes };
}
