/**
 * OCSP: the question about one certificate, and what a responder's answer says of it.
 *
 * An answer counts when the authority that issued the certificate signed it, or somebody whom that authority itself
 * certified for it (id-kp-OCSPSigning). Dates are given back for the caller to judge.
 *
 * @see RFC 6960 §4; RFC 8954 (nonce)
 */
import { X509Certificate, hash } from "node:crypto";
import {
  MalformedDer,
  contentsOf,
  derChildren,
  derPart,
  derParts,
  objectIdentifier,
  timeValue,
  wholeBits,
  type DerPart,
} from "../formats/der-part.ts";
import { derElement, derNull, derObjectIdentifier, derOctetString, derSequence } from "../formats/der-writer.ts";
import { certificateFacts, readExtensions, type CertificateFacts } from "./certificate-facts.ts";
import { readSigned, verifySigned, type SignedStructure } from "./signed-structure.ts";

const NONCE = "1.3.6.1.5.5.7.48.1.2";
const BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1";
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
/** Names and keys are named by SHA-1 here, for that is what responders know; nothing rests on its strength. */
const SHA1 = derSequence(derObjectIdentifier("1.3.14.3.2.26"), derNull());

/** Who is asked about. */
export interface OcspSubject {
  /** Serial number as the hexadecimal digits of its DER contents. */
  readonly serial: string;
  readonly issuer: CertificateFacts;
}

export interface OcspAnswer {
  readonly status: "good" | "revoked" | "unknown";
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  /** Undefined when newer answers are always to be had. */
  readonly nextUpdate: number | undefined;
  /** Whether the answer repeats the question's nonce; undefined when it has none. */
  readonly nonceMatches: boolean | undefined;
}

/** CertID: the issuer by digests of its name and its key, and the serial number. */
function certificateId({ serial, issuer }: OcspSubject): Buffer {
  const key = wholeBits(derChildren(derPart(issuer.spki))[1]);
  return derSequence(
    SHA1,
    derOctetString(hash("sha1", issuer.subject, "buffer")),
    derOctetString(hash("sha1", key, "buffer")),
    derElement(0x02, Buffer.from(serial, "hex")),
  );
}

/** The question, in DER. @param nonce 1 to 32 bytes */
export function ocspRequest(subject: OcspSubject, nonce: Buffer): Buffer {
  const extension = derSequence(derObjectIdentifier(NONCE), derOctetString(derOctetString(nonce)));
  const requests = derSequence(derSequence(certificateId(subject)));
  return derSequence(derSequence(requests, derElement(0xa2, derSequence(extension))));
}

/**
 * What an answer says of the certificate that was asked about.
 *
 * @param issuerKey whose word counts: the issuer's own certificate
 * @param now milliseconds since the epoch, for the dates of a responder's certificate
 * @throws {MalformedDer} an answer that is none, is an error, is about another certificate, or is not signed as it must be
 */
export function readOcspResponse(der: Buffer, subject: OcspSubject, issuerKey: X509Certificate, nonce: Buffer, now: number): OcspAnswer {
  const [status, bytes] = derChildren(derPart(der));
  if (contentsOf(status, 0x0a)[0] !== 0) throw new MalformedDer("the responder answers with an error");
  const [type, response] = derChildren(derPart(contentsOf(bytes, 0xa0)));
  if (objectIdentifier(type) !== BASIC_RESPONSE) throw new MalformedDer("not a basic response");
  const whole = contentsOf(response, 0x04);
  const parts = derChildren(derPart(whole));
  const signed = readSigned(derSequence(...parts.slice(0, 3).map((part) => part.whole)));
  const certificates = parts[3] === undefined ? [] : derChildren(derPart(contentsOf(parts[3], 0xa0)));
  const data = derChildren(signed.toBeSigned);
  if (data[0]?.tag === 0xa0) data.shift();
  const [responder, produced, responses, extensions] = data;
  timeValue(produced);
  requireSigner(signed, responder, certificates, subject.issuer, issuerKey, now);
  const wanted = certificateId(subject);
  const single = derChildren(responses).find((one) => sameId(derChildren(one)[0], wanted));
  if (single === undefined) throw new MalformedDer("an answer about another certificate");
  const [, state, thisUpdate, ...rest] = derChildren(single);
  const next = rest.find(({ tag }) => tag === 0xa0);
  const own = rest.find(({ tag }) => tag === 0xa1);
  if (own !== undefined && [...readExtensions(derPart(own.contents)).values()].some(({ critical }) => critical))
    throw new MalformedDer("an unknown critical extension");
  const said = extensions === undefined ? undefined : readExtensions(derPart(contentsOf(extensions, 0xa1))).get(NONCE);
  return {
    status: state?.tag === 0x80 ? "good" : state?.tag === 0xa1 ? "revoked" : "unknown",
    thisUpdate: timeValue(thisUpdate),
    nextUpdate: next === undefined ? undefined : timeValue(derPart(next.contents)),
    nonceMatches: said === undefined ? undefined : said.value.equals(derOctetString(nonce)) || said.value.equals(nonce),
  };
}

/** Two CertIDs by SHA-1; the NULL of the algorithm may be left out. */
function sameId(found: DerPart | undefined, wanted: Buffer): boolean {
  const [algorithm, ...values] = derChildren(found);
  const [, ...ours] = derChildren(derPart(wanted));
  if (objectIdentifier(derChildren(algorithm)[0]) !== "1.3.14.3.2.26" || values.length !== 3) return false;
  return values.every((value, at) => value.whole.equals((ours[at] as DerPart).whole));
}

/** The authority itself, or a certificate of it for this purpose that is inside its dates (RFC 6960 §4.2.2.2). */
function requireSigner(
  signed: SignedStructure,
  responder: DerPart | undefined,
  certificates: readonly DerPart[],
  issuer: CertificateFacts,
  issuerKey: X509Certificate,
  now: number,
): void {
  if (named(responder, issuer) && verifySigned(signed, issuerKey.publicKey)) return;
  for (const { whole } of certificates.slice(0, 4)) {
    const facts = certificateFacts(whole);
    const delegated =
      named(responder, facts) &&
      facts.issuer.equals(issuer.subject) &&
      !facts.authority &&
      facts.purposes?.includes(OCSP_SIGNING) === true &&
      now >= facts.notBefore &&
      now <= facts.notAfter;
    if (delegated && verifySigned(facts.signed, issuerKey.publicKey) && verifySigned(signed, new X509Certificate(whole).publicKey)) return;
  }
  throw new MalformedDer("an answer that neither the authority nor its responder signed");
}

/** ResponderID: by name, or by the SHA-1 of the key. */
function named(responder: DerPart | undefined, { subject, spki }: CertificateFacts): boolean {
  if (responder?.tag === 0xa1) return responder.contents.equals(subject);
  if (responder?.tag !== 0xa2) return false;
  const [digest] = derParts(responder.contents);
  return contentsOf(digest, 0x04).equals(hash("sha1", wholeBits(derChildren(derPart(spki))[1]), "buffer"));
}
