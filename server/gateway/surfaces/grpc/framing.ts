/**
 * The length-prefixed messages of gRPC, gRPC-Web and Connect streams: u8 flags, u32 length, message.
 *
 * Lengths are checked before anything is allocated. Nothing here interprets a message.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md "Length-Prefixed-Message"
 */
import { payloadBytes, type Payload } from "@keystead/channel/payload";
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

/** A message from this size on is not copied behind its prefix. */
const LARGE_MESSAGE_BYTES = 32 * 1024;

/** A message behind its prefix, in pieces when it is large: then the last is the message itself. */
export function framedPieces(message: Buffer): Payload {
  if (message.length < LARGE_MESSAGE_BYTES) return framed(message);
  const prefix = takeBytes(PREFIX_BYTES);
  prefix[0] = 0;
  prefix.writeUInt32BE(message.length, 1);
  return [prefix, message];
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
 * The one message of a unary request, in the pieces its body came in: views into them.
 *
 * The body was read within its limit, so its length bounds the message.
 *
 * @throws {HsmError} INVALID_REQUEST unless the body is exactly one message; OPERATION_NOT_SUPPORTED when compressed
 */
export function onlyMessage(body: readonly Buffer[]): Payload {
  const bytes = payloadBytes(body);
  if (bytes < PREFIX_BYTES) throw invalid("the request holds no message");
  const length = lengthIn(prefixOf(body), Infinity);
  if (bytes < PREFIX_BYTES + length) throw invalid("the message is cut short");
  if (bytes > PREFIX_BYTES + length) throw invalid("the request holds more than one message");
  return body.length === 1 ? (body[0] as Buffer).subarray(PREFIX_BYTES) : behindPrefix(body);
}

/** The first five bytes, which may lie in as many pieces. */
function prefixOf(body: readonly Buffer[]): Buffer {
  const [first] = body;
  if (first !== undefined && first.length >= PREFIX_BYTES) return first;
  const prefix = Buffer.alloc(PREFIX_BYTES);
  let at = 0;
  for (const piece of body) at += piece.copy(prefix, at);
  return prefix;
}

/** What follows the first five bytes. */
function behindPrefix(body: readonly Buffer[]): Buffer[] {
  let skip = PREFIX_BYTES;
  const rest: Buffer[] = [];
  for (const piece of body) {
    if (piece.length > skip) rest.push(skip === 0 ? piece : piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
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
