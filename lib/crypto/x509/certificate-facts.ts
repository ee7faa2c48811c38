/**
 * What a certificate says, read strictly from its DER: for decisions about who the bearer is.
 *
 * Node reads keys, dates and signatures; it prints names as text for people, and text can be made to look like another
 * name. Here a name is what its bytes are. This file judges neither signature nor dates.
 *
 * @see RFC 5280 §4.1, §4.2
 */
import {
  MalformedDer,
  booleanValue,
  contentsOf,
  derChildren,
  derPart,
  integerHex,
  objectIdentifier,
  setBits,
  timeValue,
  type DerPart,
} from "../formats/der-part.ts";
import { readSigned, type SignedStructure } from "./signed-structure.ts";

export interface Extension {
  readonly critical: boolean;
  /** What the extension's OCTET STRING holds, in DER. */
  readonly value: Buffer;
}

export interface CertificateFacts {
  readonly signed: SignedStructure;
  /** Serial number as the hexadecimal digits of its DER contents. */
  readonly serial: string;
  /** Names in DER. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Buffer;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: ReadonlyMap<string, Extension>;
  /** Bits of keyUsage by number (RFC 5280 §4.2.1.3); undefined when the extension is absent. */
  readonly keyUsage: ReadonlySet<number> | undefined;
  /** Object identifiers of the extended key usage; undefined when the extension is absent. */
  readonly purposes: readonly string[] | undefined;
  readonly authority: boolean;
}

export const EXTENSION = Object.freeze({
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  crlDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const);

/** Numbers of keyUsage bits. */
export const KEY_USAGE = Object.freeze({ digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const);

/** @throws {MalformedDer} when it is no version 3 or version 1 certificate, or has an extension twice */
export function certificateFacts(der: Buffer): CertificateFacts {
  const signed = readSigned(der);
  const parts = derChildren(signed.toBeSigned);
  // Version 1 leaves the version out.
  const version = parts[0]?.tag === 0xa0 ? integerHex(derPart((parts.shift() as DerPart).contents)) : "00";
  const [serial, algorithm, issuer, validity, subject, spki, ...rest] = parts;
  if (issuer?.tag !== 0x30 || subject?.tag !== 0x30 || spki?.tag !== 0x30) throw new MalformedDer("not a certificate");
  // The algorithm stands inside and outside of what is signed, and must be one (RFC 5280 §4.1.1.2).
  if (algorithm === undefined || !algorithm.whole.equals(signed.algorithm.whole)) throw new MalformedDer("two algorithms");
  const [from, to, ...beyond] = derChildren(validity);
  const last = rest.at(-1);
  const before = last?.tag === 0xa3 ? rest.slice(0, -1) : rest;
  if (beyond.length > 0 || before.some(({ tag }) => tag !== 0x81 && tag !== 0x82)) throw new MalformedDer("not a certificate");
  if (last?.tag === 0xa3 && version !== "02") throw new MalformedDer("extensions in an old version");
  const extensions = last?.tag === 0xa3 ? readExtensions(derPart(last.contents)) : new Map<string, Extension>();
  const usage = extensions.get(EXTENSION.keyUsage);
  const purposes = extensions.get(EXTENSION.extendedKeyUsage);
  return {
    signed,
    serial: integerHex(serial),
    issuer: issuer.whole,
    subject: subject.whole,
    spki: spki.whole,
    notBefore: timeValue(from),
    notAfter: timeValue(to),
    extensions,
    keyUsage: usage === undefined ? undefined : setBits(derPart(usage.value)),
    purposes: purposes === undefined ? undefined : derChildren(derPart(purposes.value)).map(objectIdentifier),
    authority: isAuthority(extensions.get(EXTENSION.basicConstraints)),
  };
}

/** Extensions by object identifier. @throws {MalformedDer} when one is there twice (RFC 5280 §4.2) */
export function readExtensions(list: DerPart): Map<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const extension of derChildren(list)) {
    const parts = derChildren(extension);
    const [oid, value] = [parts[0], parts.at(-1)];
    const name = objectIdentifier(oid);
    if (parts.length < 2 || parts.length > 3 || extensions.has(name)) throw new MalformedDer("not a list of extensions");
    extensions.set(name, { critical: parts.length === 3 && booleanValue(parts[1]), value: contentsOf(value, 0x04) });
  }
  return extensions;
}

function isAuthority(extension: Extension | undefined): boolean {
  if (extension === undefined) return false;
  const [first] = derChildren(derPart(extension.value));
  return first?.tag === 0x01 && booleanValue(first);
}

export interface SubjectNames {
  readonly dns: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
}

/** The names of the subject alternative name that identify somebody here; others are passed over. @throws {MalformedDer} */
export function alternativeNames({ extensions }: CertificateFacts): SubjectNames {
  const found = { dns: [] as string[], emails: [] as string[], uris: [] as string[] };
  const extension = extensions.get(EXTENSION.subjectAltName);
  for (const { tag, contents } of extension === undefined ? [] : derChildren(derPart(extension.value))) {
    const list = tag === 0x82 ? found.dns : tag === 0x81 ? found.emails : tag === 0x86 ? found.uris : undefined;
    // IA5String: what is not printable ASCII would be read in two ways.
    if (list !== undefined && !contents.every((byte) => byte > 0x20 && byte < 0x7f)) throw new MalformedDer("a name is not ASCII");
    list?.push(contents.toString("latin1"));
  }
  return found;
}

const COMMON_NAME = "2.5.4.3";

/** A name as its attributes: one list of `OID=value` for each relative name, sorted, in the order of the DER. */
export function nameAttributes(name: Buffer): string[][] {
  return derChildren(derPart(name)).map((relative) => {
    const attributes = derChildren(relative, 0x31).map((attribute) => {
      const [oid, value, ...more] = derChildren(attribute);
      if (value === undefined || more.length > 0) throw new MalformedDer("not a name");
      return `${objectIdentifier(oid)}=${stringOf(value)}`;
    });
    return attributes.sort();
  });
}

/** Every common name, wherever in the subject it stands. @throws {MalformedDer} */
export const commonNames = ({ subject }: CertificateFacts): string[] =>
  nameAttributes(subject)
    .flat()
    .filter((attribute) => attribute.startsWith(`${COMMON_NAME}=`))
    .map((attribute) => attribute.slice(COMMON_NAME.length + 1));

/** Text of a string; of a kind that nobody should use any more, its bytes, which equal no text. */
function stringOf({ tag, contents }: DerPart): string {
  // UTF8String, PrintableString and IA5String; BMPString is UTF-16.
  if (tag === 0x0c) return utf8.decode(contents);
  if (tag === 0x13 || tag === 0x16) return contents.toString("latin1");
  if (tag === 0x1e && contents.length % 2 === 0) return Buffer.from(contents).swap16().toString("utf16le");
  return `\0${tag}:${contents.toString("hex")}`;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
