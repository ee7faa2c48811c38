/**
 * Envelope encryption of streams of any size, in constant memory.
 *
 * The vault makes a data key and gives it in plain and wrapped under the named key. The stream is sealed here, chunk
 * by chunk, with the wrapped data key in its header; only somebody who may Decrypt with the named key can open it.
 * The plain data key is wiped before the first chunk is made.
 *
 * @see lib/crypto/public/sealed-stream.ts (the format)
 */
import { HsmError } from "@keystead/contract/errors";
import { DATA_KEY_BYTES, openStream, readHeader, sealStream, type ByteSource } from "@keystead/crypto/public/sealed-stream";
import type { Keystead } from "./client.ts";
import type { KeyAddress } from "./shapes.ts";

export type { ByteSource } from "@keystead/crypto/public/sealed-stream";

/** Which key wraps the data key, and what both sides know without being told. */
export interface FileEncryption extends KeyAddress {
  /** Authenticated with the stream but not stored in it; must be given again to open. */
  readonly context?: Uint8Array | undefined;
}

/** Lets the first piece be made (which derives the stream's own key), then wipes the data key and goes on. */
async function* wipedAfterFirst(dataKey: Uint8Array, pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let first: IteratorResult<Buffer>;
  try {
    first = await pieces.next();
  } finally {
    dataKey.fill(0);
  }
  if (first.done === true) return;
  yield first.value;
  yield* pieces;
}

/**
 * The sealed form of `plaintext`, in pieces. Nothing is asked of the server before the first piece is.
 *
 * @throws {HsmError} whatever GenerateDataKey answers; KEY_USAGE_FORBIDS for a key that may not wrap data keys
 * @example
 * await pipeline(encryptStream(keystead, { keyId: "backup" }, createReadStream("disk.img")), createWriteStream("disk.img.sealed"));
 */
export async function* encryptStream(
  keystead: Pick<Keystead, "generateDataKey">,
  { keyId, namespace, context }: FileEncryption,
  plaintext: ByteSource,
): AsyncGenerator<Buffer> {
  const dataKey = await keystead.generateDataKey({ keyId, namespace, sizeBytes: DATA_KEY_BYTES });
  yield* wipedAfterFirst(dataKey.plaintext, sealStream(dataKey.plaintext, dataKey.ciphertext, plaintext, context));
}

/**
 * The plaintext of a stream that {@link encryptStream} made. Each piece was authenticated before it is given, but only
 * a generator that ends without throwing gave the whole: do not act on a beginning.
 *
 * @throws {HsmError} DECRYPTION_FAILED for any changed, missing or additional byte, the wrong key or context;
 *   INVALID_REQUEST when `sealed` is not such a stream; whatever Decrypt answers
 */
export async function* decryptStream(
  keystead: Pick<Keystead, "decrypt">,
  { keyId, namespace, context }: FileEncryption,
  sealed: ByteSource,
): AsyncGenerator<Buffer> {
  const { header, body } = await readHeader(sealed);
  const { plaintext: dataKey } = await keystead.decrypt({ keyId, namespace, ciphertext: header.wrappedKey });
  if (dataKey.byteLength !== DATA_KEY_BYTES) {
    dataKey.fill(0);
    throw new HsmError("DECRYPTION_FAILED", "decryption failed");
  }
  yield* wipedAfterFirst(dataKey, openStream(dataKey, header, body, context));
}
