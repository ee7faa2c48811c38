/**
 * The little of ASN.1 DER that key checks need: walking over elements of definite, minimal length.
 *
 * Node parses the keys themselves; this file answers what Node does not: is there anything after the key, which of
 * the private-key structures is it, and what numbers does it hold. It returns views of the input, never copies, so
 * that a secret stays in the one buffer its owner wipes. It must never accept BER.
 *
 * @see ITU-T X.690 §8.1.3, §10.1
 */

/** One element: its tag byte, and where its contents begin and end. */
export interface DerElement {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

export const DER_INTEGER = 0x02;
export const DER_OCTET_STRING = 0x04;
export const DER_SEQUENCE = 0x30;

/**
 * The element at `offset`, or undefined when the bytes are cut short or not DER.
 *
 * @param limit where the enclosing element ends, in bytes from the start of `bytes`
 */
export function readElement(bytes: Uint8Array, offset: number, limit = bytes.byteLength): DerElement | undefined {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined || offset + 2 > limit) return undefined;
  if (first < 0x80) return offset + 2 + first <= limit ? { tag, start: offset + 2, end: offset + 2 + first } : undefined;
  const count = first & 0x7f;
  if (count === 0 || count > 4 || offset + 2 + count > limit) return undefined;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[offset + 2 + i] ?? 0);
  if (length < 0x80 || length < 256 ** (count - 1)) return undefined; // not the shortest form
  const start = offset + 2 + count;
  return start + length <= limit ? { tag, start, end: start + length } : undefined;
}

/** The elements inside the one SEQUENCE that `bytes` must be from first byte to last, or undefined. */
export function readSequence(bytes: Uint8Array): DerElement[] | undefined {
  const outer = readElement(bytes, 0);
  if (outer === undefined || outer.tag !== DER_SEQUENCE || outer.end !== bytes.byteLength) return undefined;
  const elements: DerElement[] = [];
  for (let at = outer.start; at < outer.end;) {
    const element = readElement(bytes, at, outer.end);
    if (element === undefined) return undefined;
    elements.push(element);
    at = element.end;
  }
  return elements;
}

/** The magnitude of a non-negative INTEGER as a view without its leading zero bytes, or undefined. */
export function unsignedInteger(bytes: Uint8Array, element: DerElement | undefined): Uint8Array | undefined {
  if (element === undefined || element.tag !== DER_INTEGER || element.start === element.end) return undefined;
  const content = bytes.subarray(element.start, element.end);
  if ((content[0] ?? 0) >= 0x80) return undefined; // negative
  let skip = 0;
  while (skip < content.byteLength && content[skip] === 0) skip++;
  if (skip > 1 || (skip === 1 && content.byteLength > 1 && (content[1] ?? 0) < 0x80)) return undefined; // padded
  return content.subarray(skip);
}
