/**
 * Writing ASN.1 DER: elements of definite, minimal length, from the inside out.
 *
 * Every result lies on memory of its own, because private keys are written here too; who writes a secret wipes every
 * piece of it. This file knows tags and lengths, no structures, and must never write BER.
 *
 * @see ITU-T X.690 §8, §10
 */
import { secretBuffer } from "../wipe.ts";

/**
 * One element: tag, shortest length, contents one after the other.
 *
 * @param tag the whole tag byte, constructed bit included; tag numbers above 30 do not occur here
 * @example
 * derElement(0x30, derUnsigned(r), derUnsigned(s)); // SEQUENCE of two INTEGERs
 */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const content of contents) length += content.byteLength;
  let lengthBytes = 0;
  for (let rest = length; length >= 0x80 && rest > 0; rest = Math.floor(rest / 256)) lengthBytes++;
  const element = secretBuffer(2 + lengthBytes + length);
  element[0] = tag;
  element[1] = lengthBytes === 0 ? length : 0x80 | lengthBytes;
  if (lengthBytes > 0) element.writeUIntBE(length, 2, lengthBytes);
  let at = 2 + lengthBytes;
  for (const content of contents) {
    element.set(content, at);
    at += content.byteLength;
  }
  return element;
}

export const derSequence = (...contents: readonly Uint8Array[]): Buffer => derElement(0x30, ...contents);
export const derOctetString = (bytes: Uint8Array): Buffer => derElement(0x04, bytes);
export const derNull = (): Buffer => derElement(0x05);
export const derBoolean = (value: boolean): Buffer => derElement(0x01, Uint8Array.of(value ? 0xff : 0));

/** A BIT STRING; `unusedBits` of its last byte do not count. */
export const derBitString = (bytes: Uint8Array, unusedBits = 0): Buffer => derElement(0x03, Uint8Array.of(unusedBits), bytes);

/** A non-negative INTEGER from its big-endian magnitude, which may have leading zeros. */
export function derUnsigned(magnitude: Uint8Array): Buffer {
  let skip = 0;
  while (skip < magnitude.byteLength - 1 && magnitude[skip] === 0) skip++;
  const shortest = magnitude.subarray(skip);
  if (shortest.byteLength === 0) return derElement(0x02, Uint8Array.of(0));
  return (shortest[0] as number) >= 0x80 ? derElement(0x02, Uint8Array.of(0), shortest) : derElement(0x02, shortest);
}

/** A small non-negative INTEGER. */
export function derInteger(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return derUnsigned(bytes);
}

/**
 * An OBJECT IDENTIFIER from its dotted form.
 *
 * @throws {RangeError} fewer than two arcs, or something that is no number; dotted forms are constants of this house
 */
export function derObjectIdentifier(dotted: string): Buffer {
  const texts = dotted.split(".");
  if (texts.length < 2 || !texts.every((text) => /^\d+$/.test(text))) throw new RangeError(`'${dotted}' is no object identifier`);
  // Arcs under 2.25 are UUIDs: numbers of 128 bits.
  const [first, second, ...rest] = texts.map(BigInt) as [bigint, bigint, ...bigint[]];
  const bytes: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const digits = [Number(arc % 128n)];
    for (let left = arc / 128n; left > 0n; left /= 128n) digits.unshift(0x80 | Number(left % 128n));
    bytes.push(...digits);
  }
  return derElement(0x06, Uint8Array.from(bytes));
}
