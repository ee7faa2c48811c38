/**
 * The batches that were written last, for those who follow the log closely: they read no file.
 *
 * Bounded by bytes, whoever lags behind; what is not here any more is read from the segments (line-cursor.ts), so every
 * batch knows where it stands there. Kept only while somebody follows. Holds lines that may not be shown yet: readers say
 * how far they may look.
 */

/** A line of the log that may be shown. */
export interface FollowedLine {
  readonly sequence: number;
  /** Exactly as it stands in the log, without its newline. */
  readonly line: string;
  /** SHA-256 of the event, hexadecimal. */
  readonly hash: string;
}

/** Lines that were written together. */
export interface WrittenBatch {
  /** Sequence number of the first line. */
  readonly first: number;
  /** Newlines included. */
  readonly lines: readonly string[];
  readonly hashes: readonly { readonly hash: string }[];
  readonly bytes: number;
  /** Where it stands: its segment, and the byte position in it. */
  readonly segmentPath: string;
  readonly position: number;
}

/** Lines and where the next one begins. */
export interface ReadLines {
  readonly lines: readonly FollowedLine[];
  readonly segmentPath: string;
  readonly position: number;
}

/** Bytes of batches that are kept, at most; the newest batch is kept whatever its size. */
const KEPT_BYTES = 2 * 1024 * 1024;

export class RecentLines {
  #batches: WrittenBatch[] = [];
  #bytes = 0;

  add(batch: WrittenBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes;
    let dropped = 0;
    while (this.#bytes > KEPT_BYTES && dropped < this.#batches.length - 1) this.#bytes -= (this.#batches[dropped++] as WrittenBatch).bytes;
    if (dropped > 0) this.#batches.splice(0, dropped);
  }

  clear(): void {
    this.#batches = [];
    this.#bytes = 0;
  }

  /** Lines of the batch that has `sequence`, from it on and up to `upTo`; undefined when it is not here. */
  from(sequence: number, upTo: number): ReadLines | undefined {
    if (sequence > upTo || sequence < (this.#batches[0]?.first ?? Infinity)) return undefined;
    const batch = this.#batches.findLast(({ first }) => first <= sequence) as WrittenBatch;
    const from = sequence - batch.first;
    const end = Math.min(batch.lines.length, upTo - batch.first + 1);
    if (from >= end) return undefined;
    let { position } = batch;
    for (let index = 0; index < end; index += 1) position += Buffer.byteLength(batch.lines[index] as string, "utf8");
    const lines = batch.lines.slice(from, end).map((line, index) => ({
      sequence: sequence + index,
      line: line.slice(0, -1),
      hash: (batch.hashes[from + index] as { hash: string }).hash,
    }));
    return { lines, segmentPath: batch.segmentPath, position };
  }
}
