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
import { MalformedDer, contentsOf, derPart } from "../formats/der-part.ts";
import { EXTENSION, certificateFacts, type CertificateFacts } from "./certificate-facts.ts";

export interface Issuer {
  /** Its Name in DER. */
  readonly name: Buffer;
  /** Its subject key identifier; undefined when it has none. */
  readonly keyIdentifier: Buffer | undefined;
}

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `issuer_certificate: ${detail}`);

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
  try {
    const facts = certificateFacts(certificate.raw);
    if (!spki.equals(facts.spki)) throw refused("it is of another key");
    return { name: Buffer.from(facts.subject), keyIdentifier: identifierIn(facts) };
  } catch (error) {
    throw error instanceof MalformedDer ? refused("it cannot be parsed") : error;
  }
}

function identifierIn({ extensions }: CertificateFacts): Buffer | undefined {
  const extension = extensions.get(EXTENSION.subjectKeyIdentifier);
  return extension === undefined ? undefined : Buffer.from(contentsOf(derPart(extension.value), 0x04));
}
