/**
 * X.509 certificates and PKCS#10 certification requests: what is to be signed, and the whole once it is.
 *
 * Nothing is signed and no key is seen here: who calls signs the bytes of `toBeSigned...` with the algorithm that they
 * name, and gives the signature to {@link signed}.
 *
 * @see RFC 5280 §4.1; RFC 2986 §4
 */
import { derBitString, derElement, derInteger, derObjectIdentifier, derSequence, derUnsigned } from "../formats/der-writer.ts";

/** A certification request, before it is signed. */
export interface RequestContents {
  /** Name in DER. */
  readonly subject: Buffer;
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Buffer;
  /** Extensions that are asked for, each in DER. */
  readonly extensions: readonly Buffer[];
}

/** A certificate, before it is signed. */
export interface CertificateContents extends RequestContents {
  /** 1 to 20 bytes, positive and unique for the issuer. */
  readonly serial: Buffer;
  readonly issuer: Buffer;
  /** Milliseconds since the epoch; seconds count. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** AlgorithmIdentifier of the signature to come, in DER. */
  readonly algorithm: Buffer;
}

/** CertificationRequestInfo: version 1, and the extensions as one attribute (RFC 2985 §5.4.2). */
export function toBeSignedRequest({ subject, spki, extensions }: RequestContents): Buffer {
  const attribute = derSequence(derObjectIdentifier("1.2.840.113549.1.9.14"), derElement(0x31, derSequence(...extensions)));
  return derSequence(derInteger(0), subject, spki, derElement(0xa0, ...(extensions.length === 0 ? [] : [attribute])));
}

/** TBSCertificate, version 3. */
export function toBeSignedCertificate(contents: CertificateContents): Buffer {
  const { serial, algorithm, issuer, notBefore, notAfter, subject, spki, extensions } = contents;
  return derSequence(
    derElement(0xa0, derInteger(2)),
    derUnsigned(serial),
    algorithm,
    issuer,
    derSequence(time(notBefore), time(notAfter)),
    subject,
    spki,
    derElement(0xa3, derSequence(...extensions)),
  );
}

/** The structure as it is published: what was signed, how, and the signature. */
export const signed = (toBeSigned: Buffer, algorithm: Buffer, signature: Buffer): Buffer =>
  derSequence(toBeSigned, algorithm, derBitString(signature));

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return Number(digits.slice(0, 4)) < 2050 ? derElement(0x17, Buffer.from(digits.slice(2))) : derElement(0x18, Buffer.from(digits));
}
