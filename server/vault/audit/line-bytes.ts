/**
 * The lines of a segment as the bytes that stand in the file, for verification: nothing is decoded, nothing is skipped.
 *
 * Zeros after the last line are no line. Anything else that no newline ends is one that was cut off, and bytes behind zeros
 * are looked at like all others (segments.ts, which reads what a writer goes on with, stops at the first zero).
 */
import type { LogFile } from "./file-layer.ts";

const READ_BYTES = 1024 * 1024;
const NEWLINE = 10;
/** No line of ours is longer. One that is was written by somebody else, whatever comes after it, and must not fill the memory. */
const MOST_LINE_BYTES = 64 * 1024 * 1024;
const ZEROS = Buffer.alloc(2 * READ_BYTES);

export interface LineBytes {
  /** With its newline, unless it was cut off. Good until the next line is asked for. */
  readonly bytes: Buffer;
  /** No newline ends it. */
  readonly cutOff: boolean;
}

/** Lines from the beginning of the file. */
export function* lineBytes(file: LogFile): Generator<LineBytes> {
  let rest = Buffer.alloc(0);
  for (let next = 0; ;) {
    const chunk = Buffer.allocUnsafeSlow(rest.length + READ_BYTES);
    rest.copy(chunk);
    const read = file.read(chunk.subarray(rest.length), next);
    next += read;
    const bytes = chunk.subarray(0, rest.length + read);
    let from = 0;
    for (let newline = bytes.indexOf(NEWLINE, rest.length); newline !== -1; newline = bytes.indexOf(NEWLINE, from)) {
      yield { bytes: bytes.subarray(from, newline + 1), cutOff: false };
      from = newline + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > MOST_LINE_BYTES) {
      yield { bytes: rest, cutOff: false };
      return;
    }
    // One stands for all: a line that begins with zeros is wrong by the first.
    if (rest.length <= ZEROS.length && rest.equals(ZEROS.subarray(0, rest.length))) rest = rest.subarray(0, 1);
    if (read < READ_BYTES) {
      if (rest.some((byte) => byte !== 0)) yield { bytes: rest, cutOff: true };
      return;
    }
  }
}
