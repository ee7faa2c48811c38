/**
 * Short-lived memory for bytes that may be secret: cut from slabs of this package's own, never from Node's shared
 * pool, and zeroed by whoever took it.
 *
 * An ArrayBuffer for each request costs more than what is written into it, mostly in garbage collection (measured: a
 * sixth of the gateway's time). A slab is left behind when it is used up and goes with its last piece.
 */

const SLAB_BYTES = 64 * 1024;
/** Larger pieces get memory of their own. */
const LARGEST_PIECE_BYTES = 8 * 1024;

let slab = Buffer.alloc(0);
let at = 0;

/** Memory of this length with undefined content; the caller overwrites all of it, and zeroes it after use. */
export function takeBytes(length: number): Buffer {
  if (length > LARGEST_PIECE_BYTES) return Buffer.allocUnsafeSlow(length);
  if (at + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    at = 0;
  }
  const piece = slab.subarray(at, at + length);
  at += length;
  return piece;
}

/** A copy of bytes in such memory. */
export function copyBytes(bytes: Uint8Array): Buffer {
  const copy = takeBytes(bytes.length);
  copy.set(bytes);
  return copy;
}
