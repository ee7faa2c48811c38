/** CRC-32C (Castagnoli), which guards record batches; Node's `zlib.crc32` is the other one. @see RFC 3720 Appendix B.4 */

const REFLECTED_POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? REFLECTED_POLYNOMIAL : 0);
  return value;
});

/** @returns an unsigned 32-bit number */
export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 255] as number);
  return (value ^ 0xffffffff) >>> 0;
}
