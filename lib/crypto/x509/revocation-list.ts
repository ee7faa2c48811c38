/**
 * Certificate revocation lists: which serial numbers an authority takes back, and until when it says so.
 *
 * Only complete lists of one authority are read. A delta, an indirect list, one for some reasons or some certificates
 * only, or one with a critical extension that is not known here, is refused: what it leaves out would count as good.
 * Neither signature nor dates are judged when a list is read; {@link verifySigned} and the caller do that.
 *
 * @see RFC 5280 §5, §6.3
 */
import { readElement } from "../formats/der.ts";
import { MalformedDer, booleanValue, derChildren, derPart, derParts, integerHex, timeValue, type DerPart } from "../formats/der-part.ts";
import { readExtensions, type Extension } from "./certificate-facts.ts";
import { readSigned, type SignedStructure } from "./signed-structure.ts";

export interface RevocationList {
  readonly signed: SignedStructure;
  /** Name in DER. */
  readonly issuer: Buffer;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** cRLNumber; 0 when the list has none. */
  readonly number: bigint;
  /** Serial numbers, each as the hexadecimal digits of its DER contents. */
  readonly revoked: ReadonlySet<string>;
}

const CRL_NUMBER = "2.5.29.20";
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
const ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
const DELTA_INDICATOR = "2.5.29.27";
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

const isTime = (part: DerPart | undefined): boolean => part?.tag === UTC_TIME || part?.tag === GENERALIZED_TIME;

/** @throws {MalformedDer} saying why the list is of no use here */
export function readRevocationList(der: Buffer): RevocationList {
  const signed = readSigned(der);
  const parts = derChildren(signed.toBeSigned);
  const version = parts[0]?.tag === 0x02 ? integerHex(parts.shift()) : "00";
  const [algorithm, issuer, thisUpdate] = parts.splice(0, 3);
  if (algorithm === undefined || issuer?.tag !== 0x30) throw new MalformedDer("not a revocation list");
  if (!algorithm.whole.equals(signed.algorithm.whole)) throw new MalformedDer("two algorithms");
  // RFC 5280 §5.1.2.5 demands it, and without it nobody could tell an old list from a new one.
  if (!isTime(parts[0])) throw new MalformedDer("a revocation list without nextUpdate");
  const nextUpdate = timeValue(parts.shift());
  const entries = parts[0]?.tag === 0x30 ? parts.shift() : undefined;
  const last = parts.shift();
  if (parts.length > 0 || (last !== undefined && (last.tag !== 0xa0 || version !== "01"))) throw new MalformedDer("not a revocation list");
  const extensions = last === undefined ? new Map<string, Extension>() : readExtensions(derPart(last.contents));
  requireComplete(extensions);
  const number = extensions.get(CRL_NUMBER);
  return {
    signed,
    issuer: issuer.whole,
    thisUpdate: timeValue(thisUpdate),
    nextUpdate,
    number: number === undefined ? 0n : BigInt(`0x${integerHex(derPart(number.value))}`),
    revoked: entries === undefined ? new Set() : revokedSerials(entries.contents),
  };
}

function requireComplete(extensions: ReadonlyMap<string, Extension>): void {
  for (const [name, { critical, value }] of extensions) {
    if (name === DELTA_INDICATOR) throw new MalformedDer("a delta list");
    if (name === ISSUING_DISTRIBUTION_POINT) {
      // Only "for certificates of users": those are the ones asked about.
      const scope = derChildren(derPart(value));
      if (scope.length !== 1 || scope[0]?.tag !== 0x81 || scope[0].contents[0] !== 0xff) throw new MalformedDer("a list of a part only");
      continue;
    }
    if (critical && name !== CRL_NUMBER && name !== AUTHORITY_KEY_IDENTIFIER) throw new MalformedDer("an unknown critical extension");
  }
}

/** Walks without making an object for each entry: lists have hundreds of thousands. */
function revokedSerials(bytes: Buffer): Set<string> {
  const serials = new Set<string>();
  for (let at = 0; at < bytes.byteLength;) {
    const entry = readElement(bytes, at);
    const serial = entry?.tag === 0x30 ? readElement(bytes, entry.start, entry.end) : undefined;
    const time = entry === undefined || serial === undefined ? undefined : readElement(bytes, serial.end, entry.end);
    if (entry === undefined || serial?.tag !== 0x02 || serial.start === serial.end) throw new MalformedDer("not an entry");
    if (time?.tag !== UTC_TIME && time?.tag !== GENERALIZED_TIME) throw new MalformedDer("not an entry");
    if (time.end !== entry.end) requireOrdinaryEntry(bytes.subarray(time.end, entry.end));
    serials.add(bytes.toString("hex", serial.start, serial.end));
    at = entry.end;
  }
  return serials;
}

/** A critical extension of an entry may say that it is about another authority's certificate (RFC 5280 §5.3.3). */
function requireOrdinaryEntry(extensions: Buffer): void {
  for (const extension of derParts(extensions).flatMap((list) => derChildren(list))) {
    const [, critical, ...rest] = derChildren(extension);
    if (rest.length > 0 && booleanValue(critical)) throw new MalformedDer("an unknown critical extension of an entry");
  }
}
