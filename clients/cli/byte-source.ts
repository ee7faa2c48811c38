/** Bytes in: a file, stdin, or words on the command line; whole within a limit, or as a stream of any size. */
import { open, type FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import type { ByteSource } from "@keystead/client/file-encryption";
import { HsmError } from "@keystead/client/names";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

/** The largest request body any server accepts (server.body_bytes), less 64 KiB for the request around the data. */
export const LARGEST_DATA_BYTES = 15_728_640 - 65_536;

const PIECE_BYTES = 256 * 1024;

export interface OpenSource {
  /** Each piece may be overwritten when the next is asked for. */
  readonly bytes: ByteSource;
  /** Known for plain files only. */
  readonly sizeBytes: number | undefined;
  close(): Promise<void>;
}

/** Outside node's shared pool: it may hold a secret. */
function copyOf(piece: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.byteLength);
  copy.set(piece);
  return copy;
}

/**
 * The file from its beginning, through one buffer used again and again: a gigabyte would otherwise be a gigabyte of
 * garbage. The first piece has a buffer of its own, so that a reader may gather a header.
 */
async function* pieces(handle: FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let first = true;
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, PIECE_BYTES, null);
      if (bytesRead === 0) return;
      const piece = buffer.subarray(0, bytesRead);
      yield first ? copyOf(piece) : piece;
      first = false;
    }
  } finally {
    buffer.fill(0);
  }
}

/** Opens `--in`: a path, or `-` (also when left out) for stdin. A terminal is refused unless `-` was written. */
export async function openSource(path: string | undefined, shell: Shell): Promise<OpenSource> {
  if (path === undefined && shell.stdin.isTTY === true)
    throw usageError("nothing to read: pass --in FILE, or --in - to type it and end with Ctrl-D");
  if (path === undefined || path === "-") return { bytes: shell.stdin, sizeBytes: undefined, close: async () => {} };
  const handle = await open(resolve(shell.cwd, path), "r").catch((cause: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${path} (${cause.code})`);
  });
  const facts = await handle.stat();
  if (facts.isDirectory()) {
    await handle.close();
    throw usageError(`${path} is a folder; pack it first (for example with tar)`);
  }
  return {
    bytes: pieces(handle),
    sizeBytes: facts.isFile() ? facts.size : undefined,
    close: () => handle.close(),
  };
}

/**
 * All of a source, when it is small enough to travel in one request.
 *
 * @throws {HsmError} REQUEST_TOO_LARGE above {@link LARGEST_DATA_BYTES}; no more than that is ever held
 */
export async function readWhole(path: string | undefined, shell: Shell): Promise<Buffer> {
  const source = await openSource(path, shell);
  try {
    const tooLarge = () =>
      new HsmError("REQUEST_TOO_LARGE", `the data is larger than the ${LARGEST_DATA_BYTES} bytes that fit in one request`);
    if (source.sizeBytes !== undefined && source.sizeBytes > LARGEST_DATA_BYTES) throw tooLarge();
    const copies: Buffer[] = [];
    let total = 0;
    for await (const piece of source.bytes) {
      total += piece.byteLength;
      if (total > LARGEST_DATA_BYTES) throw tooLarge();
      copies.push(copyOf(piece));
    }
    const whole = Buffer.allocUnsafeSlow(total);
    let at = 0;
    for (const copy of copies) {
      whole.set(copy, at);
      at += copy.byteLength;
      copy.fill(0); // it may have been a key or a plaintext
    }
    return whole;
  } finally {
    await source.close();
  }
}

/** The data of a command that takes it as `[text]` or `--in`. */
export function readData(text: string | undefined, path: string | undefined, shell: Shell): Promise<Buffer> {
  if (text !== undefined && path !== undefined) throw usageError("pass the data as an argument or with --in, not both");
  return text === undefined ? readWhole(path, shell) : Promise.resolve(Buffer.from(text, "utf8"));
}
