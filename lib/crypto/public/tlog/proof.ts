/**
 * Proofs about a tree: that an entry is in it, and that a larger tree continues a smaller one. Making them needs a reader
 * of hashes of complete subtrees; checking them needs nothing.
 *
 * @see RFC 6962 §2.1.1, §2.1.2 (making); RFC 9162 §2.1.3.2, §2.1.4.2 (checking)
 */
import { emptyRoot, HASH_BYTES, nodeHash } from "./tree-hash.ts";

/** Root of the complete subtree of leaves [index * 2^level, (index + 1) * 2^level). */
export type NodeReader = (level: number, index: number) => Uint8Array;

/**
 * Root of the tree of the first `size` leaves.
 *
 * @throws whatever the reader throws
 */
export function treeRoot(size: number, read: NodeReader): Buffer {
  return size === 0 ? emptyRoot() : Buffer.from(rangeRoot(0, size, read));
}

/**
 * The proof that the leaf `index` is in the tree of `size` leaves, lowest hash first.
 *
 * @param height another than 0: that the complete subtree `index` of 2^height leaves is in it. {@link provesInclusion} checks its
 *   root as a leaf of the tree of `size` / 2^height leaves, rounded up, which splits where this one does
 * @throws {RangeError} unless 0 <= index, and the subtree is within the tree
 */
export function inclusionProof(index: number, size: number, read: NodeReader, height = 0): Buffer[] {
  const width = 2 ** height;
  const leaf = index * width;
  if (!isSize(leaf) || !isSize(size) || leaf + width > size) throw new RangeError("the leaf is not in the tree");
  const proof: Buffer[] = [];
  let from = 0;
  let to = size;
  const siblings: [number, number][] = [];
  while (to - from > width) {
    const middle = from + splitOf(to - from);
    if (leaf < middle) {
      siblings.push([middle, to]);
      to = middle;
    } else {
      siblings.push([from, middle]);
      from = middle;
    }
  }
  for (const [first, end] of siblings.reverse()) proof.push(Buffer.from(rangeRoot(first, end, read)));
  return proof;
}

/**
 * The proof that the tree of `size` leaves continues the one of its first `old` leaves; empty when they are the same.
 *
 * @throws {RangeError} unless 1 <= old <= size
 */
export function consistencyProof(old: number, size: number, read: NodeReader): Buffer[] {
  if (!isSize(old) || !isSize(size) || old < 1 || old > size) throw new RangeError("a tree continues smaller ones that are not empty");
  const proof: Buffer[] = [];
  let from = 0;
  let to = size;
  const siblings: [number, number][] = [];
  // Until the subtree ends where the old tree does (SUBPROOF).
  while (old < to) {
    const middle = from + splitOf(to - from);
    if (old <= middle) {
      siblings.push([middle, to]);
      to = middle;
    } else {
      siblings.push([from, middle]);
      from = middle;
    }
  }
  if (from > 0) proof.push(Buffer.from(rangeRoot(from, to, read)));
  for (const [first, end] of siblings.reverse()) proof.push(Buffer.from(rangeRoot(first, end, read)));
  return proof;
}

/** Whether a proof shows the leaf (its hash) at `index` of the tree of `size` leaves with this root. Never throws. */
export function provesInclusion(leaf: Uint8Array, index: number, size: number, root: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes(proof) || leaf.length !== HASH_BYTES) return false;
  let node = index;
  let last = size - 1;
  let hash: Buffer = Buffer.from(leaf);
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && hash.equals(root);
}

/** Whether a proof shows that the tree of `size` leaves continues the one of `old` leaves, by their roots. Never throws. */
export function provesConsistency(old: number, size: number, oldRoot: Uint8Array, root: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!isSize(old) || !isSize(size) || old < 1 || old > size || !areHashes(proof)) return false;
  if (old === size) return proof.length === 0 && Buffer.from(oldRoot).equals(root);
  const path = isPowerOfTwo(old) ? [oldRoot, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined || proof.length === 0) return false;
  let node = old - 1;
  let last = size - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let before: Buffer = Buffer.from(first);
  let after: Buffer = Buffer.from(first);
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else after = nodeHash(after, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && before.equals(oldRoot) && after.equals(root);
}

/** Root of the leaves [from, to), where `from` is a multiple of the power of two that is no smaller than their number. */
function rangeRoot(from: number, to: number, read: NodeReader): Uint8Array {
  const width = to - from;
  const level = Math.log2(width);
  if (isPowerOfTwo(width)) return read(Math.round(level), from / width);
  const middle = from + splitOf(width);
  return nodeHash(rangeRoot(from, middle, read), rangeRoot(middle, to, read));
}

const half = (value: number): number => Math.floor(value / 2);

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const areHashes = (proof: readonly Uint8Array[]): boolean => proof.every(({ length }) => length === HASH_BYTES);

/** The largest power of two below a width of 2 or more. */
function splitOf(width: number): number {
  let split = 1;
  while (split * 2 < width) split *= 2;
  return split;
}

function isPowerOfTwo(value: number): boolean {
  let power = 1;
  while (power < value) power *= 2;
  return power === value;
}
