/**
 * The self-describing ciphertext that Encrypt makes by default and Decrypt takes:
 *
 *      "KS" | 0x01 | u32 key version | u8 n | nonce (n bytes) | ciphertext of the mechanism
 *
 * Nothing here is authenticated by itself: a changed version picks another key, a changed nonce another stream, and
 * both end in the same DECRYPTION_FAILED as a changed ciphertext.
 */
import { HsmError } from "@keystead/contract/errors";

const MAGIC_0 = 0x4b;
const MAGIC_1 = 0x53;
const FORMAT = 1;
export const HEAD_BYTES = 8;

/** The one answer to every ciphertext that does not open. */
export const decryptionFailed = (): HsmError => new HsmError("DECRYPTION_FAILED", "the ciphertext does not decrypt under this key");

export function encodeCiphertext(version: number, nonce: Uint8Array, ciphertext: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + nonce.length + ciphertext.length);
  bytes.set(nonce, HEAD_BYTES);
  bytes.set(ciphertext, HEAD_BYTES + nonce.length);
  return headed(bytes, version, nonce.length);
}

/** Writes the head in front of nonce and ciphertext, where {@link HEAD_BYTES} were left free. */
export function headed(bytes: Buffer, version: number, nonceBytes: number): Buffer {
  bytes[0] = MAGIC_0;
  bytes[1] = MAGIC_1;
  bytes[2] = FORMAT;
  bytes.writeUInt32BE(version, 3);
  bytes[7] = nonceBytes;
  return bytes;
}

/** Views into the bytes, or undefined when they are no such ciphertext. */
export function decodeCiphertext(bytes: Uint8Array): { version: number; nonce: Uint8Array; ciphertext: Uint8Array } | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1 || bytes[2] !== FORMAT) return undefined;
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(3);
  const nonceBytes = bytes[7] as number;
  if (version === 0 || bytes.length < HEAD_BYTES + nonceBytes) return undefined;
  return { version, nonce: bytes.subarray(HEAD_BYTES, HEAD_BYTES + nonceBytes), ciphertext: bytes.subarray(HEAD_BYTES + nonceBytes) };
}
