/**
 * The length-prefixed messages of gRPC, gRPC-Web and Connect streams: u8 flags, u32 length, message.
 *
 * Lengths are checked before anything is allocated. Nothing here interprets a message.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md "Length-Prefixed-Message"
 */
import { takeBytes } from "@keystead/channel/secret-slab";
import { HsmError } from "@keystead/contract/errors";

export const PREFIX_BYTES = 5;
/** Flags of a frame: a compressed message, the end of a Connect stream, gRPC-Web's trailers. */
const COMPRESSED_FLAG = 0x01;
export const END_STREAM_FLAG = 0x02;
export const TRAILER_FLAG = 0x80;

const invalid = (what: string): HsmError => new HsmError("INVALID_REQUEST", what);
const compressed = (): HsmError => new HsmError("OPERATION_NOT_SUPPORTED", "compressed messages are not accepted; use identity");

/** A message behind its prefix, in memory of its own. The message itself is zeroed. */
export function framed(message: Uint8Array, flags = 0): Buffer {
  const frame = takeBytes(PREFIX_BYTES + message.length);
  frame[0] = flags;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  message.fill(0);
  return frame;
}

/** Length of the message behind a prefix. */
function lengthIn(bytes: Buffer, limitBytes: number): number {
  const flags = bytes[0] as number;
  if (flags === COMPRESSED_FLAG) throw compressed();
  if (flags !== 0) throw invalid("the message prefix has unknown flags");
  const length = bytes.readUInt32BE(1);
  if (length > limitBytes) throw new HsmError("REQUEST_TOO_LARGE", `a message must have at most ${limitBytes} bytes`);
  return length;
}

/**
 * The one message of a unary request: a view into `body`.
 *
 * The body was read within its limit, so its length bounds the message.
 *
 * @throws {HsmError} INVALID_REQUEST unless the body is exactly one message; OPERATION_NOT_SUPPORTED when compressed
 */
export function onlyMessage(body: Buffer): Buffer {
  if (body.length < PREFIX_BYTES) throw invalid("the request holds no message");
  const length = lengthIn(body, Infinity);
  if (body.length < PREFIX_BYTES + length) throw invalid("the message is cut short");
  if (body.length > PREFIX_BYTES + length) throw invalid("the request holds more than one message");
  return body.subarray(PREFIX_BYTES);
}

/**
 * Messages out of a stream of chunks, whatever the chunk boundaries.
 *
 * @throws {HsmError} as {@link onlyMessage}; INVALID_REQUEST when the stream ends inside a message
 */
export async function* messages(chunks: AsyncIterable<Buffer>, limitBytes: number): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const joined = Buffer.allocUnsafeSlow(held.length + chunk.length);
    held.copy(joined);
    chunk.copy(joined, held.length);
    held = joined;
    while (held.length >= PREFIX_BYTES) {
      const length = lengthIn(held, limitBytes);
      if (held.length < PREFIX_BYTES + length) break;
      yield held.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
      held = held.subarray(PREFIX_BYTES + length);
    }
  }
  if (held.length > 0) throw invalid("the message is cut short");
}
