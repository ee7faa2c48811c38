/**
 * Secret bytes: where they live and how they end.
 *
 * `Buffer.from` and `Buffer.concat` may take memory from a pool shared by the whole process, so a secret written
 * there can sit next to, and be read through, an unrelated buffer. Secrets are made here instead, each on memory of
 * its own, and zeroed by whoever is done with them. This file must never log or compare what it holds.
 *
 * What is not promised: JavaScript may have copied bytes during garbage collection of a string or a BigInt, and
 * OpenSSL keeps its own copy inside a KeyObject until that is collected.
 */

/**
 * A zeroed buffer on memory of its own, never from the shared pool.
 *
 * @param sizeBytes length in bytes, 0 or more
 * @returns         the buffer; the caller wipes it
 * @example
 * const key = secretBuffer(32);
 * try { fillSomehow(key); } finally { wipe(key); }
 */
export function secretBuffer(sizeBytes: number): Buffer {
  return Buffer.allocUnsafeSlow(sizeBytes).fill(0);
}

/**
 * A copy of `bytes` on memory of its own; the original is left as it is.
 *
 * @returns the copy; the caller wipes it
 */
export function copySecret(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

/**
 * Every given buffer is all zeros afterwards. `undefined` is skipped, so that a `finally` needs no conditions.
 */
export function wipe(...buffers: readonly (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}

/**
 * The result of `use(secret)`; `secret` is zeroed afterwards whether `use` returned or threw.
 *
 * @security `use` must be synchronous and must not return a view of `secret`: it would read zeros.
 * @example
 * const key = wipeAfter(mechanism.store(fresh), (material) => seal(material));
 */
export function wipeAfter<T>(secret: Uint8Array, use: (secret: Uint8Array) => T): T {
  try {
    return use(secret);
  } finally {
    wipe(secret);
  }
}
