/**
 * Reading public DER structures whole: an element with its contents, and what its contents hold.
 *
 * For certificates, revocation lists and responses, which strangers send. Everything is a view of the input. Bytes that
 * are not DER, or end early, or go on after their end, are refused, never repaired; der.ts walks secrets instead.
 *
 * @see ITU-T X.690 §8, §10, §11
 */
import { readElement } from "./der.ts";

/** One element. */
export interface DerPart {
  readonly tag: number;
  /** Tag, length and contents. */
  readonly whole: Buffer;
  readonly contents: Buffer;
}

/** Raised for bytes that are not the structure they should be. Nothing of them is in the message. */
export class MalformedDer extends Error {
  override readonly name = "MalformedDer";
}

/** The one element that `bytes` are, from first byte to last. @throws {MalformedDer} */
export function derPart(bytes: Buffer): DerPart {
  const [part, ...more] = derParts(bytes);
  if (part === undefined || more.length > 0) throw new MalformedDer("not one element");
  return part;
}

/** The elements that follow one another in `bytes`. @throws {MalformedDer} */
export function derParts(bytes: Buffer): DerPart[] {
  const parts: DerPart[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const element = readElement(bytes, at);
    // Tag numbers above 30 take further bytes; none of our structures has one.
    if (element === undefined || (element.tag & 0x1f) === 0x1f) throw new MalformedDer("not an element");
    parts.push({ tag: element.tag, whole: bytes.subarray(at, element.end), contents: bytes.subarray(element.start, element.end) });
    at = element.end;
  }
  return parts;
}

/** The elements inside `part`, which must have this tag. @throws {MalformedDer} */
export function derChildren(part: DerPart | undefined, tag = 0x30): DerPart[] {
  return derParts(contentsOf(part, tag));
}

/** The contents of `part`, which must have this tag. @throws {MalformedDer} */
export function contentsOf(part: DerPart | undefined, tag: number): Buffer {
  if (part?.tag !== tag) throw new MalformedDer("another element was expected");
  return part.contents;
}

/** The dotted form of an OBJECT IDENTIFIER. @throws {MalformedDer} */
export function objectIdentifier(part: DerPart | undefined): string {
  const bytes = contentsOf(part, 0x06);
  const arcs: bigint[] = [];
  let arc = 0n;
  let begun = false;
  for (const byte of bytes) {
    if (!begun && byte === 0x80) throw new MalformedDer("an arc is padded");
    begun = true;
    arc = arc * 128n + BigInt(byte & 0x7f);
    if (arc >= 1n << 130n) throw new MalformedDer("an arc without end");
    if (byte >= 0x80) continue;
    arcs.push(arc);
    [arc, begun] = [0n, false];
  }
  const [first, ...rest] = arcs;
  if (first === undefined || begun) throw new MalformedDer("an object identifier is cut short");
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n;
  return [root, first - root * 40n, ...rest].join(".");
}

/** The bytes of a BIT STRING that uses all its bits, as signatures and keys do. @throws {MalformedDer} */
export function wholeBits(part: DerPart | undefined): Buffer {
  const contents = contentsOf(part, 0x03);
  if (contents[0] !== 0) throw new MalformedDer("a bit string with unused bits");
  return contents.subarray(1);
}

/** The numbers of the bits that are set in a BIT STRING of flags. @throws {MalformedDer} */
export function setBits(part: DerPart | undefined): Set<number> {
  const [unused, ...bytes] = contentsOf(part, 0x03);
  if (unused === undefined || unused > 7 || (bytes.length === 0 && unused > 0)) throw new MalformedDer("not a bit string");
  const set = new Set<number>();
  for (let bit = 0; bit < bytes.length * 8 - unused; bit++) if (((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) set.add(bit);
  return set;
}

/** An INTEGER's contents as hexadecimal digits: names a serial number. @throws {MalformedDer} when it is not minimal */
export function integerHex(part: DerPart | undefined): string {
  const bytes = contentsOf(part, 0x02);
  const [first, second] = bytes;
  if (first === undefined || (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))))
    throw new MalformedDer("not an integer");
  return bytes.toString("hex");
}

/** TRUE or FALSE. @throws {MalformedDer} for anything but the two forms DER has */
export function booleanValue(part: DerPart | undefined): boolean {
  const [value, ...more] = contentsOf(part, 0x01);
  if ((value !== 0 && value !== 0xff) || more.length > 0) throw new MalformedDer("not a boolean");
  return value === 0xff;
}

/**
 * A UTCTime or GeneralizedTime in milliseconds since the epoch; seconds are there, the zone is Z (RFC 5280 §4.1.2.5).
 *
 * @throws {MalformedDer} another form, or a day that the calendar does not have
 */
export function timeValue(part: DerPart | undefined): number {
  const text = part?.contents.toString("latin1") ?? "";
  const form = part?.tag === 0x17 ? /^\d{12}Z$/ : part?.tag === 0x18 ? /^\d{14}Z$/ : undefined;
  if (form === undefined || !form.test(text)) throw new MalformedDer("not a time");
  const digits = part?.tag === 0x17 ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits) as RegExpExecArray;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const at = Date.parse(iso);
  // 31 February is read as a day of March.
  if (Number.isNaN(at) || new Date(at).toISOString() !== iso) throw new MalformedDer("not a time");
  return at;
}
