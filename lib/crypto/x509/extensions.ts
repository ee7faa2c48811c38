/**
 * The extensions of certificates and certification requests: what a key is for, and whose it is.
 *
 * @see RFC 5280 §4.2.1; RFC 7093 §2 (key identifiers without SHA-1)
 */
import { hash } from "node:crypto";
import { isIP, isIPv4, SocketAddress } from "node:net";
import { HsmError } from "@keystead/contract/errors";
import { readElement, readSequence } from "../formats/der.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../formats/der-writer.ts";

/** Names of the KeyUsage bits, in their order (RFC 5280 §4.2.1.3). */
export const KEY_USAGES = Object.freeze([
  "digital_signature",
  "content_commitment",
  "key_encipherment",
  "data_encipherment",
  "key_agreement",
  "key_cert_sign",
  "crl_sign",
  "encipher_only",
  "decipher_only",
] as const);
export type KeyUsageBit = (typeof KEY_USAGES)[number];

/** Extended key usages (RFC 5280 §4.2.1.12). */
const PURPOSES = Object.freeze({
  server_auth: "1.3.6.1.5.5.7.3.1",
  client_auth: "1.3.6.1.5.5.7.3.2",
  code_signing: "1.3.6.1.5.5.7.3.3",
  email_protection: "1.3.6.1.5.5.7.3.4",
  time_stamping: "1.3.6.1.5.5.7.3.8",
  ocsp_signing: "1.3.6.1.5.5.7.3.9",
} as const);
export type Purpose = keyof typeof PURPOSES;
export const PURPOSE_NAMES = Object.freeze(Object.keys(PURPOSES)) as readonly Purpose[];

/** What may be said of a key and its owner beside the name. */
export interface Claims {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly keyUsage: readonly KeyUsageBit[];
  readonly purposes: readonly Purpose[];
  readonly isCa: boolean;
  /** How many authorities may follow below this one; undefined for no limit. Only with `isCa`. */
  readonly pathLength: number | undefined;
}

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", detail);

const extension = (oid: string, critical: boolean, value: Buffer): Buffer =>
  derSequence(derObjectIdentifier(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value));

/**
 * The extensions that `claims` lead to, each in DER. A request that names no usage gets none said.
 *
 * @throws {HsmError} INVALID_REQUEST   a name that is none; signing certificates without being an authority
 */
export function claimExtensions(claims: Claims): Buffer[] {
  const { keyUsage, purposes, isCa, pathLength } = claims;
  if (!isCa && (pathLength !== undefined || keyUsage.includes("key_cert_sign")))
    throw refused("only an authority signs certificates or has a path length");
  const extensions: Buffer[] = [];
  const constraints = isCa ? [derBoolean(true), ...(pathLength === undefined ? [] : [derInteger(pathLength)])] : [];
  extensions.push(extension("2.5.29.19", true, derSequence(...constraints)));
  if (keyUsage.length > 0) extensions.push(extension("2.5.29.15", true, usageBits(keyUsage)));
  if (purposes.length > 0) {
    const oids = [...new Set(purposes)].map((purpose) => derObjectIdentifier(PURPOSES[purpose]));
    extensions.push(extension("2.5.29.37", false, derSequence(...oids)));
  }
  const names = alternativeNames(claims);
  if (names.length > 0) extensions.push(extension("2.5.29.17", false, derSequence(...names)));
  return extensions;
}

/** DER has no trailing zero bits in a named bit list (X.690 §11.2.2). */
function usageBits(usages: readonly KeyUsageBit[]): Buffer {
  const bytes = [0, 0];
  let last = 0;
  for (const usage of usages) {
    const bit = KEY_USAGES.indexOf(usage);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) | (0x80 >> (bit & 7));
    last = Math.max(last, bit);
  }
  return derBitString(Uint8Array.from(bytes.slice(0, (last >> 3) + 1)), 7 - (last & 7));
}

const DNS_NAME = /^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const EMAIL = /^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,255}$/;

function alternativeNames({ dnsNames, ipAddresses, emailAddresses, uris }: Claims): Buffer[] {
  const ascii = (tag: number, text: string): Buffer => derElement(tag, Buffer.from(text, "latin1"));
  return [
    ...emailAddresses.map((address) => {
      if (!EMAIL.test(address)) throw refused("an e-mail address is not one in ASCII");
      return ascii(0x81, address);
    }),
    ...dnsNames.map((name) => {
      if (name.length > 253 || !DNS_NAME.test(name)) throw refused("a DNS name is not one in ASCII");
      return ascii(0x82, name);
    }),
    ...uris.map((uri) => {
      if (!/^[\x21-\x7e]{1,2048}$/.test(uri) || !URL.canParse(uri)) throw refused("a URI is not an absolute one in ASCII");
      return ascii(0x86, uri);
    }),
    ...ipAddresses.map((address) => derElement(0x87, addressBytes(address))),
  ];
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 0 || address.includes("%")) throw refused("an IP address is not one");
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  // Node writes every IPv6 address in its shortest form, with the last 32 bits as a dotted quad at times.
  const { address: shortest } = new SocketAddress({ address, family: "ipv6" });
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(shortest);
  const plain =
    dotted === null
      ? shortest
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [head = "", tail] = plain.split("::") as [string, string?];
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const all = tail === undefined ? before : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after];
  const bytes = Buffer.alloc(16);
  for (const [at, group] of all.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * at);
  return bytes;
}

/** The leftmost 160 bits of the SHA-256 of the public key's bits (RFC 7093 §2, method 1). */
export function keyIdentifier(spki: Buffer): Buffer {
  const bits = readSequence(spki)?.[1];
  if (bits === undefined || readElement(spki, 0) === undefined) throw new TypeError("not a SubjectPublicKeyInfo");
  return hash("sha256", spki.subarray(bits.start + 1, bits.end), "buffer").subarray(0, 20);
}

/** Subject and authority key identifiers, for a certificate; an issuer without one is not named by one. */
export const identifierExtensions = (subjectSpki: Buffer, issuerIdentifier: Buffer | undefined): Buffer[] => [
  extension("2.5.29.14", false, derOctetString(keyIdentifier(subjectSpki))),
  ...(issuerIdentifier === undefined ? [] : [extension("2.5.29.35", false, derSequence(derElement(0x80, issuerIdentifier)))]),
];
