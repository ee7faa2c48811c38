/**
 * The sealed stream: a file of any size, encrypted and authenticated in chunks under one 32-byte data key.
 *
 * Layout, integers big-endian:
 *
 *      0          8         9          11            43              43+n
 *      +----------+---------+----------+-------------+---------------+---------+---------+-----
 *      | KSSEALED | version | n (u16)  | salt (32)   | wrapped key n | chunk 0 | chunk 1 | ...
 *      +----------+---------+----------+-------------+---------------+---------+---------+-----
 *      '------------------------ header --------------------------'
 *
 *      chunk i    AES-256-GCM of 65,536 bytes of plaintext (the last: fewer), then its 16-byte tag
 *      nonce i    i as 11 bytes || 01 for the last chunk, 00 for every other
 *      file key   HKDF-SHA-256(data key, salt, "keystead/sealed-stream/1" || 00 || SHA-256(header) || SHA-256(context))
 *
 * `version` is 1. The wrapped key is for whoever can unwrap the data key; this file does not read it. The file key hangs on
 * every byte of the header and on the caller's context, so one edit there and no chunk opens. Counter and last flag are
 * in the nonce, so chunks cannot be moved, dropped, repeated, appended or cut off (STREAM, Hoang et al. 2015, as age
 * has it). Only an empty plaintext may end in an empty chunk. Memory is constant. Plaintext leaves chunk by chunk, each
 * authenticated, before the *end* of the stream is known to be there: a reader that must not act on a beginning without
 * its end has to wait until the generator is done. AES-GCM does not commit to its key: one file may be made to open
 * under two data keys by someone who knows both. Must never take a salt from a caller: see {@link sealStream}.
 *
 * @see RFC 5869; NIST SP 800-38D; age-encryption.org/v1 §STREAM
 */
import { createSecretKey, hash, hkdfSync, randomFillSync, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { openWithNonce, sealWithNonce } from "../mechanisms/gcm-nonce.ts";
import { decryptionFailed } from "../mechanisms/refusals.ts";
import { secretBuffer, wipe } from "../wipe.ts";

const MAGIC = Buffer.from("KSSEALED", "latin1");
const VERSION = 1;
const SALT_BYTES = 32;
const PREFIX_BYTES = 8 + 1 + 2 + SALT_BYTES;
const TAG_BYTES = 16;
const LABEL = Buffer.from("keystead/sealed-stream/1\0", "latin1");
const NO_BYTES = new Uint8Array(0);

export const DATA_KEY_BYTES = 32;
/** Longest wrapped key, in bytes. */
export const MAX_WRAPPED_KEY_BYTES = 4096;
/** Plaintext bytes of every chunk but the last. */
export const CHUNK_BYTES = 65_536;
/** At most this many chunks (256 TiB), which keeps AES-GCM far inside its bounds for one key. */
export const MAX_CHUNKS = 2 ** 32;

/** What stands before the first chunk. */
export interface SealedHeader {
  /** 32 random bytes, new for every file. */
  readonly salt: Uint8Array;
  /** The data key in a form that someone can unwrap; 0 to 4,096 bytes, opaque here. */
  readonly wrappedKey: Uint8Array;
}

/** Anything that yields bytes: a Readable, a web stream, a generator, an array of buffers. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * The header's bytes.
 *
 * @throws {HsmError} INVALID_REQUEST   the salt is not 32 bytes, or the wrapped key is longer than 4,096
 */
export function encodeHeader({ salt, wrappedKey }: SealedHeader): Buffer {
  if (salt.byteLength !== SALT_BYTES) throw new HsmError("INVALID_REQUEST", `the salt must be ${SALT_BYTES} bytes`);
  if (wrappedKey.byteLength > MAX_WRAPPED_KEY_BYTES) {
    throw new HsmError("INVALID_REQUEST", `the wrapped key may be at most ${MAX_WRAPPED_KEY_BYTES} bytes`);
  }
  const bytes = Buffer.alloc(PREFIX_BYTES + wrappedKey.byteLength);
  bytes.set(MAGIC, 0);
  bytes[8] = VERSION;
  bytes.writeUInt16BE(wrappedKey.byteLength, 9);
  bytes.set(salt, 11);
  bytes.set(wrappedKey, PREFIX_BYTES);
  return bytes;
}

/**
 * The header at the beginning of `bytes`, copied, and its length; or undefined while `bytes` are too few to tell.
 *
 * @throws {HsmError} INVALID_REQUEST   not a sealed stream, or one of another version
 */
export function decodeHeader(bytes: Uint8Array): { header: SealedHeader; headerBytes: number } | undefined {
  const seen = Math.min(bytes.byteLength, MAGIC.byteLength);
  if (Buffer.compare(MAGIC.subarray(0, seen), bytes.subarray(0, seen)) !== 0) throw new HsmError("INVALID_REQUEST", "not a sealed stream");
  if (bytes.byteLength > 8 && bytes[8] !== VERSION) throw new HsmError("INVALID_REQUEST", "a sealed stream of an unknown version");
  if (bytes.byteLength < PREFIX_BYTES) return undefined;
  const headerBytes = PREFIX_BYTES + (bytes[9] ?? 0) * 256 + (bytes[10] ?? 0);
  if (headerBytes > PREFIX_BYTES + MAX_WRAPPED_KEY_BYTES) throw new HsmError("INVALID_REQUEST", "the wrapped key is too long");
  if (bytes.byteLength < headerBytes) return undefined;
  return { header: { salt: bytes.slice(11, PREFIX_BYTES), wrappedKey: bytes.slice(PREFIX_BYTES, headerBytes) }, headerBytes };
}

/**
 * The header of `source`, and a generator of everything after it. Nothing of it is authenticated yet.
 *
 * @throws {HsmError} INVALID_REQUEST   `source` ends too early, or does not begin like a sealed stream
 * @example
 * const { header, body } = await readHeader(createReadStream("backup.sealed"));
 * for await (const piece of openStream(await unwrap(header.wrappedKey), header, body)) out.write(piece);
 */
export async function readHeader(source: ByteSource): Promise<{ header: SealedHeader; body: AsyncGenerator<Uint8Array> }> {
  const pieces = pull(source);
  let gathered: Uint8Array = NO_BYTES;
  try {
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      gathered = gathered.byteLength === 0 ? next.value : Buffer.concat([gathered, next.value]);
      const decoded = decodeHeader(gathered);
      if (decoded !== undefined) return { header: decoded.header, body: after(gathered.subarray(decoded.headerBytes), pieces) };
    }
  } catch (error) {
    await pieces.return(undefined); // closes the source
    throw error;
  }
  throw new HsmError("INVALID_REQUEST", "the sealed stream ends inside its header");
}

/**
 * Header and chunks of `plaintext` sealed, in pieces of at most 65,552 bytes.
 *
 * The salt is drawn here and nowhere else: the same salt, data key and header for two plaintexts would repeat nonces.
 * The same data key may seal many files.
 *
 * @param dataKey    32 bytes; read when the first piece is asked for, not kept, left for the caller to wipe
 * @param wrappedKey goes into the header as it is, at most 4,096 bytes
 * @param context    what the reader must know without being told (a file's name, a tenant); empty by default
 * @throws {HsmError} INVALID_REQUEST     sizes; REQUEST_TOO_LARGE   more than 256 TiB
 * @example
 * for await (const piece of sealStream(dataKey, wrapped, createReadStream("backup"))) out.write(piece);
 */
export async function* sealStream(
  dataKey: Uint8Array,
  wrappedKey: Uint8Array,
  plaintext: ByteSource,
  context: Uint8Array = NO_BYTES,
): AsyncGenerator<Buffer> {
  const header = encodeHeader({ salt: randomFillSync(Buffer.allocUnsafeSlow(SALT_BYTES)), wrappedKey });
  const key = fileKey(dataKey, header, context);
  yield header;
  for await (const { bytes, index, last } of chunks(plaintext, CHUNK_BYTES)) {
    if (index >= MAX_CHUNKS) throw new HsmError("REQUEST_TOO_LARGE", "a sealed stream holds at most 256 TiB");
    yield sealWithNonce("aes-256-gcm", key, nonceOf(index, last), bytes, NO_BYTES);
  }
}

/**
 * The plaintext of a sealed stream, in chunks; each was authenticated before it is yielded. The caller wipes them.
 *
 * If the generator ends without throwing, the plaintext is complete and exactly what was sealed.
 *
 * @param header  as {@link readHeader} gave it; a wrong byte in it is noticed at the first chunk
 * @param body    everything after the header
 * @param context the same as when sealed
 * @throws {HsmError} DECRYPTION_FAILED   wrong key, header or context; edited, moved, missing or additional chunks
 * @throws {HsmError} INVALID_REQUEST     the data key is not 32 bytes
 */
export async function* openStream(
  dataKey: Uint8Array,
  header: SealedHeader,
  body: ByteSource,
  context: Uint8Array = NO_BYTES,
): AsyncGenerator<Buffer> {
  const key = fileKey(dataKey, encodeHeader(header), context);
  for await (const { bytes, index, last } of chunks(body, CHUNK_BYTES + TAG_BYTES)) {
    if (index >= MAX_CHUNKS) throw decryptionFailed();
    const plaintext = openWithNonce("aes-256-gcm", key, nonceOf(index, last), bytes, NO_BYTES);
    if (plaintext.byteLength === 0 && index > 0) throw decryptionFailed();
    yield plaintext;
  }
}

function fileKey(dataKey: Uint8Array, header: Uint8Array, context: Uint8Array): KeyObject {
  if (dataKey.byteLength !== DATA_KEY_BYTES) throw new HsmError("INVALID_REQUEST", `the data key must be ${DATA_KEY_BYTES} bytes`);
  const info = Buffer.concat([LABEL, hash("sha256", header, "buffer"), hash("sha256", context, "buffer")]);
  const derived = Buffer.from(hkdfSync("sha256", dataKey, header.subarray(11, PREFIX_BYTES), info, 32)); // a view
  try {
    return createSecretKey(derived);
  } finally {
    wipe(derived);
  }
}

function nonceOf(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/**
 * `source` cut into pieces of `size` bytes; the last has 1 to `size` bytes, or none if there was nothing at all.
 * All pieces are one buffer, used again for the next and wiped at the end.
 */
async function* chunks(source: ByteSource, size: number): AsyncGenerator<{ bytes: Uint8Array; index: number; last: boolean }> {
  const buffer = secretBuffer(size);
  let filled = 0;
  let index = 0;
  try {
    for await (const piece of source) {
      for (let at = 0; at < piece.byteLength;) {
        if (filled === size) {
          yield { bytes: buffer, index: index++, last: false }; // there is more: this was not the last
          filled = 0;
        }
        const taken = piece.subarray(at, at + size - filled);
        buffer.set(taken, filled);
        filled += taken.byteLength;
        at += taken.byteLength;
      }
    }
    yield { bytes: buffer.subarray(0, filled), index, last: true };
  } finally {
    wipe(buffer);
  }
}

async function* pull(source: ByteSource): AsyncGenerator<Uint8Array> {
  yield* source;
}

async function* after(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.byteLength > 0) yield first;
  yield* rest;
}
