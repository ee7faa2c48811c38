/**
 * What travels in a REQUEST frame between gateway and vault: the evidence, then the operation's own message.
 *
 *      u8 listener, | 0x80 when a receipt is wanted | u8 n, address | u8 n, request id | u8 n, trace | u16 n, bearer token | u16 n, client certificate DER | body
 *
 * The gateway writes what it saw and judges nothing; the vault reads it as untrusted input. `body` is the protobuf
 * encoding of the operation's request message.
 */
import { HsmError } from "@keystead/contract/errors";
import { MalformedFrame } from "./frame.ts";
import { movePayload, payloadBytes, piecesOf, type Payload } from "./payload.ts";
import { takeBytes } from "./secret-slab.ts";

/** Which kind of listener took the request in. The vault trusts the gateway for this and records it as vouched. */
export const LISTENER = Object.freeze({ tls: 1, development: 2, socket: 3 } as const);
export type Listener = (typeof LISTENER)[keyof typeof LISTENER];

const isListener = (number: number): number is Listener =>
  number === LISTENER.tls || number === LISTENER.development || number === LISTENER.socket;

export interface Evidence {
  readonly listener: Listener;
  /** Peer address as the gateway's socket saw it, IPv4 or IPv6 text. */
  readonly address: string;
  readonly requestId: string;
  /** `traceparent` of W3C Trace Context as the gateway passes it on, or empty. */
  readonly trace: string;
  /** Bearer token as sent, or empty. */
  readonly token: string;
  /** The reply is to say where its event stands in the audit log ({@link RECEIPT_BYTES} in front of it). */
  readonly receipt?: boolean;
  /** Client certificate of a completed TLS handshake, or empty. */
  readonly certificate: Buffer;
}

const RECEIPT_WANTED = 0x80;
const HASH_BYTES = 32;
/** Length of a receipt in front of a reply. */
export const RECEIPT_BYTES = 8 + HASH_BYTES;

/** Where an event stands: u64 sequence number, SHA-256 of the event (given as hexadecimal). Zeros when there is none. */
export function encodeReceipt(receipt: { readonly sequence: number; readonly hash: string } | undefined): Buffer {
  const bytes = Buffer.alloc(RECEIPT_BYTES);
  if (receipt === undefined) return bytes;
  bytes.writeBigUInt64BE(BigInt(receipt.sequence));
  bytes.write(receipt.hash, 8, "hex");
  return bytes;
}

/** The receipt in front of a reply as text, `<sequence> <hash, hexadecimal>`; undefined when there is none. */
export function receiptOf(reply: Buffer): string | undefined {
  const sequence = reply.readBigUInt64BE();
  return sequence === 0n ? undefined : `${sequence} ${reply.toString("hex", 8, RECEIPT_BYTES)}`;
}

/** Bodies from this size on stay where they are. */
const LARGE_BODY_BYTES = 32 * 1024;
/** Longest bearer token in bytes. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/**
 * The payload of a REQUEST. The body is given away: it is copied and zeroed when it is small, a part of the payload when
 * it is large.
 *
 * @security what does not fit its length field is refused: a length that wrapped would let a client's request id be
 *   read as somebody's token or certificate
 * @throws {HsmError} REQUEST_TOO_LARGE
 */
export function encodeCall(evidence: Evidence, body: Payload): Payload {
  const { address, requestId, trace, token, certificate } = evidence;
  if (address.length > 255 || requestId.length > 255 || trace.length > 255)
    throw new HsmError("REQUEST_TOO_LARGE", "the address, the request id or the trace is longer than 255 bytes");
  if (token.length > MAX_TOKEN_BYTES || certificate.length > 0xffff) throw new HsmError("REQUEST_TOO_LARGE", "the credential is too long");
  const bodyBytes = payloadBytes(body);
  const inPlace = bodyBytes >= LARGE_BODY_BYTES;
  const bytes = takeBytes(
    8 + address.length + requestId.length + trace.length + token.length + certificate.length + (inPlace ? 0 : bodyBytes),
  );
  let at = 0;
  bytes[at++] = evidence.listener | (evidence.receipt === true ? RECEIPT_WANTED : 0);
  bytes[at++] = address.length;
  at += bytes.write(address, at, "latin1");
  bytes[at++] = requestId.length;
  at += bytes.write(requestId, at, "latin1");
  bytes[at++] = trace.length;
  at += bytes.write(trace, at, "latin1");
  at = bytes.writeUInt16BE(token.length, at);
  at += bytes.write(token, at, "latin1");
  at = bytes.writeUInt16BE(certificate.length, at);
  bytes.set(certificate, at);
  if (inPlace) return [bytes, ...piecesOf(body)];
  movePayload(body, bytes, at + certificate.length);
  return bytes;
}

export interface DecodedCall {
  readonly evidence: Evidence;
  /** The part of the payload that holds token and certificate, as a key for caches. */
  readonly credentials: Buffer;
  readonly body: Buffer;
}

/** @throws {MalformedFrame} when a length points outside the payload or the listener is unknown. */
export function decodeCall(payload: Buffer): DecodedCall {
  let at = 0;
  const take = (bytes: number): Buffer => {
    if (at + bytes > payload.length) throw new MalformedFrame("call is cut short");
    const part = payload.subarray(at, at + bytes);
    at += bytes;
    return part;
  };
  const u8 = (): number => take(1)[0] as number;
  const u16 = (): number => take(2).readUInt16BE(0);
  const first = u8();
  const listener = first & ~RECEIPT_WANTED;
  if (!isListener(listener)) throw new MalformedFrame("unknown listener");
  const address = take(u8()).toString("latin1");
  const requestId = take(u8()).toString("latin1");
  const trace = take(u8()).toString("latin1");
  const credentialsFrom = at;
  const tokenBytes = u16();
  const token = take(tokenBytes);
  const certificateBytes = u16();
  const certificate = take(certificateBytes);
  return {
    evidence: {
      listener,
      address,
      requestId,
      trace,
      token: token.toString("latin1"),
      certificate,
      ...(first === listener ? {} : { receipt: true }),
    },
    credentials: payload.subarray(credentialsFrom, at),
    body: payload.subarray(at),
  };
}
