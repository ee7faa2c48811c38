/**
 * What a certificate must say of its issuer, read from the issuer's own certificate.
 *
 * The name is taken byte for byte and the key identifier as that certificate has it, whoever made it and however: path
 * validation compares both. This file judges neither the certificate's signature nor its dates.
 *
 * @see RFC 5280 §4.1, §4.2.1.1, §6.1.3
 */
import { X509Certificate } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { DER_OCTET_STRING, readElement } from "../formats/der.ts";
import { derObjectIdentifier } from "../formats/der-writer.ts";

export interface Issuer {
  /** Its Name in DER. */
  readonly name: Buffer;
  /** Its subject key identifier; undefined when it has none. */
  readonly keyIdentifier: Buffer | undefined;
}

interface Part {
  readonly tag: number;
  /** Where its header begins. */
  readonly from: number;
  readonly start: number;
  readonly end: number;
}

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `issuer_certificate: ${detail}`);
const SUBJECT_KEY_IDENTIFIER = derObjectIdentifier("2.5.29.14");

/**
 * The issuer that `pem`, a certificate of an authority with the public key `spki`, describes.
 *
 * @param spki SubjectPublicKeyInfo of the key that will sign
 * @throws {HsmError} INVALID_REQUEST   not one certificate, not an authority's, or of another key
 */
export function issuerOf(pem: string, spki: Buffer): Issuer {
  if (!/^\s*-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/.test(pem)) throw refused("not one PEM certificate");
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw refused("it cannot be parsed");
  }
  if (!certificate.ca) throw refused("it is not an authority's");
  const der = certificate.raw;
  const [toBeSigned] = partsOf(der, partOf(der, 0));
  if (toBeSigned === undefined) throw refused("it cannot be parsed");
  const parts = partsOf(der, toBeSigned);
  // Version 1 leaves the version out; serial, algorithm, issuer and validity stand before the subject.
  const [subject, key] = parts.slice(parts[0]?.tag === 0xa0 ? 5 : 4);
  if (subject === undefined || key === undefined) throw refused("it cannot be parsed");
  if (!spki.equals(der.subarray(key.from, key.end))) throw refused("it is of another key");
  return { name: Buffer.from(der.subarray(subject.from, subject.end)), keyIdentifier: identifierIn(der, parts.at(-1)) };
}

/** The identifier in a TBSCertificate's last part, when that is its extensions. */
function identifierIn(der: Buffer, last: Part | undefined): Buffer | undefined {
  if (last?.tag !== 0xa3) return undefined;
  const [list] = partsOf(der, last);
  for (const extension of list === undefined ? [] : partsOf(der, list)) {
    const [oid, ...rest] = partsOf(der, extension);
    const value = rest.at(-1);
    if (oid === undefined || value?.tag !== DER_OCTET_STRING) continue;
    if (!SUBJECT_KEY_IDENTIFIER.equals(der.subarray(oid.from, oid.end))) continue;
    const [inner] = partsOf(der, value);
    if (inner?.tag === DER_OCTET_STRING) return Buffer.from(der.subarray(inner.start, inner.end));
  }
  return undefined;
}

function partOf(der: Buffer, from: number, limit = der.byteLength): Part {
  const element = readElement(der, from, limit);
  if (element === undefined) throw refused("it cannot be parsed");
  return { from, ...element };
}

/** The elements inside a constructed one. */
function partsOf(der: Buffer, { start, end }: Part): Part[] {
  const parts: Part[] = [];
  for (let at = start; at < end;) {
    const part = partOf(der, at, end);
    parts.push(part);
    at = part.end;
  }
  return parts;
}
