/**
 * The hashes of a Merkle tree as transparency logs make it: a leaf and a node never hash alike.
 *
 * @see RFC 6962 §2.1; RFC 9162 §2.1.1
 */
import { hash } from "node:crypto";

/** Length of every hash here, in bytes. */
export const HASH_BYTES = 32;

/** Root of the tree without an entry. */
export const emptyRoot = (): Buffer => hash("sha256", "", "buffer");

const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES);
nodeInput[0] = 0x01;

/** Hash of an entry. */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.alloc(1 + entry.length);
  input.set(entry, 1);
  return hash("sha256", input, "buffer");
}

/** Hash of two neighbours, each of 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return hash("sha256", nodeInput, "buffer");
}
