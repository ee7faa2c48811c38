/**
 * Base64 of secrets, from bytes to bytes: a string could not be wiped.
 *
 * @see RFC 4648 §4
 */
import { secretBuffer, wipe } from "../wipe.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD = 0x3d;
const DIGITS = Buffer.from(ALPHABET, "latin1");
const VALUES = new Int8Array(256).fill(-1);
for (const [value, digit] of DIGITS.entries()) VALUES[digit] = value;

/** With padding; the caller wipes it. */
export function base64Bytes(bytes: Uint8Array): Buffer {
  const out = secretBuffer(Math.ceil(bytes.length / 3) * 4);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const [one = 0, two = 0, three = 0] = bytes.subarray(from, from + 3);
    const left = bytes.length - from;
    out[to] = DIGITS[one >> 2] as number;
    out[to + 1] = DIGITS[((one & 3) << 4) | (two >> 4)] as number;
    out[to + 2] = left > 1 ? (DIGITS[((two & 15) << 2) | (three >> 6)] as number) : PAD;
    out[to + 3] = left > 2 ? (DIGITS[three & 63] as number) : PAD;
  }
  return out;
}

/** What canonical base64, padded or not, stands for; the caller wipes it. Undefined for anything else. */
export function bytesOfBase64(text: Uint8Array): Buffer | undefined {
  let end = text.length;
  while (end > 0 && text.length - end < 2 && text[end - 1] === PAD) end -= 1;
  if ((end < text.length && text.length % 4 !== 0) || end % 4 === 1) return undefined;
  const out = secretBuffer(Math.floor((end * 3) / 4));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const digit of text.subarray(0, end)) {
    const value = VALUES[digit] as number;
    if (value === -1) {
      wipe(out);
      return undefined;
    }
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[at++] = (held >> bits) & 0xff;
  }
  // What is left of the last digit must say nothing.
  if ((held & ((1 << bits) - 1)) !== 0) {
    wipe(out);
    return undefined;
  }
  return out;
}
