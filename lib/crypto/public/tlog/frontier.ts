/**
 * The frontier of a growing tree: the roots of the complete subtrees that it falls into, largest first, one for each bit
 * of its size. It is all that is needed to add entries and to know the root (a compact range that begins at 0).
 *
 * @see RFC 6962 §2.1
 */
import { emptyRoot, fromHashText, HASH_BYTES, leafText, nodeText, toHashText, type HashText } from "./tree-hash.ts";

/** Told of a complete subtree of 2^level leaves when its last leaf is added, from the leaf itself (level 0) upwards. */
export type Completed = (level: number, hash: HashText) => void;

export class Frontier {
  #size: number;
  readonly #hashes: HashText[];

  /**
   * @param size leaves so far
   * @param hashes as {@link Frontier.hashes} gave them for a tree of that size
   * @throws {RangeError} when there are not as many hashes as the size has bits, or one has not 32 bytes
   */
  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError("a tree has 0 to 2^53 - 1 leaves");
    if (hashes.length !== bitsOf(size) || hashes.some(({ length }) => length !== HASH_BYTES))
      throw new RangeError(`a tree of ${size} leaves has a frontier of ${bitsOf(size)} hashes of 32 bytes`);
    this.#size = size;
    this.#hashes = hashes.map(toHashText);
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  /** Roots of the complete subtrees, largest first. */
  get hashes(): readonly Buffer[] {
    return this.#hashes.map(fromHashText);
  }

  /** A frontier of its own that begins where this one is. */
  copy(): Frontier {
    return new Frontier(this.#size, this.hashes);
  }

  /** Adds a leaf by its hash (tree-hash.ts). */
  append(leaf: Uint8Array, completed?: Completed): void {
    this.#append(toHashText(leaf), completed);
  }

  /** Adds an entry. */
  add(entry: Uint8Array, completed?: Completed): void {
    this.#append(leafText(entry), completed);
  }

  #append(leaf: HashText, completed?: Completed): void {
    let hash = leaf;
    let level = 0;
    completed?.(0, hash);
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      hash = nodeText(this.#hashes.pop() as HashText, hash);
      level += 1;
      completed?.(level, hash);
    }
    this.#hashes.push(hash);
    this.#size += 1;
  }

  /** Root of the tree so far. */
  root(): Buffer {
    let root = this.#hashes.at(-1);
    if (root === undefined) return emptyRoot();
    for (let at = this.#hashes.length - 2; at >= 0; at -= 1) root = nodeText(this.#hashes[at] as HashText, root);
    return fromHashText(root);
  }
}

/** Ones among the binary digits of a number below 2^53. */
function bitsOf(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
