/**
 * A file of 32-byte hashes, one after the other, that only grows: a level of the log's tree, or its entries.
 *
 * It is a cache. What it says can be made again from the log at any time, nobody waits for its disk, and whoever reads it
 * checks what was read. Hashes are written 256 at a time; the last ones are in memory until then.
 */
import { HASH_BYTES, type HashText } from "@keystead/crypto/public/tlog/tree-hash";
import type { FileLayer, LogFile } from "./file-layer.ts";

/** Hashes that are written together. */
const PIECE = 256;

export class HashFile {
  readonly #file: LogFile;
  /** Hashes that are in the file. */
  #written: number;
  /** What comes after them. */
  readonly #rest = Buffer.alloc(PIECE * HASH_BYTES);
  #restCount = 0;
  /** The descriptor's number may be another file's by now. */
  #closed = false;

  /** Opens the file, which has, or will have, hashes before `first`; what it has from there on is cut. */
  constructor(files: FileLayer, path: string, first: number) {
    this.#file = files.open(path, "append");
    if (this.#file.size() > first * HASH_BYTES) this.#file.truncate(first * HASH_BYTES);
    this.#written = first;
  }

  /** Hashes so far. */
  get count(): number {
    return this.#written + this.#restCount;
  }

  /** Adds the next hash. A disk that takes nothing leaves a hole, which {@link mend} fills later. */
  append(hash: Uint8Array | HashText): void {
    if (typeof hash === "string") this.#rest.write(hash, this.#restCount * HASH_BYTES, "latin1");
    else this.#rest.set(hash, this.#restCount * HASH_BYTES);
    this.#restCount += 1;
    if ((this.#written + this.#restCount) % PIECE === 0) this.flush();
  }

  /** `count` hashes from `first` on, one after the other; zeros where the file has a hole. */
  read(first: number, count: number): Buffer {
    if (this.#closed || first + count > this.count) throw new RangeError("hashes that are not there yet");
    const bytes = Buffer.alloc(count * HASH_BYTES);
    const inFile = Math.max(0, Math.min(count, this.#written - first));
    if (inFile > 0) this.#file.read(bytes.subarray(0, inFile * HASH_BYTES), first * HASH_BYTES);
    if (inFile < count) this.#rest.copy(bytes, inFile * HASH_BYTES, (first + inFile - this.#written) * HASH_BYTES);
    return bytes;
  }

  /** Puts right what the file has from `first` on. @returns whether it was wrong */
  mend(first: number, hashes: Buffer): boolean {
    if (this.#closed) return false;
    const inFile = Math.max(0, Math.min(hashes.length / HASH_BYTES, this.#written - first));
    const right = hashes.subarray(0, inFile * HASH_BYTES);
    if (this.read(first, inFile).equals(right)) return false;
    this.#file.write(right, first * HASH_BYTES);
    return true;
  }

  /** Writes what is in memory. */
  flush(): void {
    if (this.#restCount === 0 || this.#closed) return;
    try {
      this.#file.write(this.#rest.subarray(0, this.#restCount * HASH_BYTES), this.#written * HASH_BYTES);
    } catch {
      // A hole: found by whoever reads it, filled by the next pass over the log.
    }
    this.#written += this.#restCount;
    this.#restCount = 0;
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#file.close();
  }
}
