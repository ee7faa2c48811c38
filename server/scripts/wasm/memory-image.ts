/**
 * The memory of an instance as it was at one moment, to be put back as often as needed.
 *
 * Most of it is zeros, and most of that is still zeros after a decision. Looking costs less than writing: only what is not
 * as it was is written.
 */

const BLOCK_BYTES = 65_536;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

export class MemoryImage {
  /** Bytes of the memory when it was taken: a whole number of pages. */
  readonly bytes: number;
  /** What was not zero, block by block. */
  readonly #blocks: ReadonlyMap<number, Buffer>;

  constructor({ buffer }: WebAssembly.Memory) {
    this.bytes = buffer.byteLength;
    const blocks = new Map<number, Buffer>();
    for (let at = 0; at < this.bytes; at += BLOCK_BYTES) {
      const block = Buffer.from(buffer, at, BLOCK_BYTES);
      if (!block.equals(ZEROS)) blocks.set(at, Buffer.from(block));
    }
    this.#blocks = blocks;
  }

  /** Afterwards the memory is as it was then; what it has grown by is zeros. */
  putBack({ buffer }: WebAssembly.Memory): void {
    for (let at = 0; at < buffer.byteLength; at += BLOCK_BYTES) {
      const block = Buffer.from(buffer, at, BLOCK_BYTES);
      const was = this.#blocks.get(at);
      if (was !== undefined) block.set(was);
      else if (!block.equals(ZEROS)) block.fill(0);
    }
  }
}
