/**
 * Client certificates: the chain is checked again here, whatever the gateway says it saw, and names become principals.
 *
 * A certificate counts when one of the configured authorities itself issued it. Names are compared as the bytes they
 * are, whole and exactly; nothing here knows a wildcard.
 *
 * What cannot be checked here is possession of the private key: the handshake was the gateway's, and the audit log
 * calls such a principal vouched for (SECURITY.md).
 *
 * @see RFC 5280 §4.2, §6.1; SPIFFE X509-SVID §2, §5
 */
import { X509Certificate } from "node:crypto";
import type { CertificateBinding } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import {
  EXTENSION,
  KEY_USAGE,
  alternativeNames,
  certificateFacts,
  commonNames,
  nameAttributes,
  type CertificateFacts,
} from "@keystead/crypto/x509/certificate-facts";
import { distinguishedName } from "@keystead/crypto/x509/distinguished-name";
import { verifySigned } from "@keystead/crypto/x509/signed-structure";

const CLIENT_AUTH_OID = "1.3.6.1.5.5.7.3.2";

/** Extensions whose meaning is taken into account, or changes nothing for a certificate that its issuer signed itself. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.crlDistributionPoints,
  EXTENSION.certificatePolicies,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.extendedKeyUsage,
]);

/** An authority that client certificates may come from. */
export interface Authority {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
}

/** A certificate that holds, and who issued it. */
export interface CheckedCertificate extends Authority {
  readonly issuer: Authority;
}

/** The certificate authorities of a PEM file. @throws {HsmError} INVALID_REQUEST saying which certificate cannot be read */
export function parseAuthorities(pem: string): Authority[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block, index) => {
    try {
      const certificate = new X509Certificate(block);
      return { certificate, facts: certificateFacts(certificate.raw) };
    } catch (cause) {
      throw new HsmError("INVALID_REQUEST", `certificate ${index + 1} of the client authorities cannot be read`, { cause });
    }
  });
}

/**
 * The certificate behind the DER, when one of the authorities issued it, it is inside its validity at `now`, is no
 * authority itself and may be used for client authentication; otherwise undefined.
 *
 * @param now milliseconds since the epoch
 */
export function verifyCertificate(der: Buffer, authorities: readonly Authority[], now: number): CheckedCertificate | undefined {
  let certificate: X509Certificate;
  let facts: CertificateFacts;
  try {
    certificate = new X509Certificate(der);
    facts = certificateFacts(der);
  } catch {
    return undefined;
  }
  if (certificate.ca || facts.authority || !within(facts, now) || !servesClients(facts)) return undefined;
  if (facts.keyUsage !== undefined && !facts.keyUsage.has(KEY_USAGE.digitalSignature)) return undefined;
  const issuer = authorities.find((authority) => issued(authority, certificate, facts, now));
  return issuer === undefined ? undefined : { certificate, facts, issuer };
}

const within = ({ notBefore, notAfter }: CertificateFacts, now: number): boolean => now >= notBefore && now <= notAfter;

/** Usable for TLS clients as far as purposes and critical extensions go. Without purposes every one is meant. */
const servesClients = ({ purposes, extensions }: CertificateFacts): boolean =>
  (purposes === undefined || purposes.includes(CLIENT_AUTH_OID)) &&
  [...extensions].every(([name, { critical }]) => !critical || UNDERSTOOD.has(name));

function issued(authority: Authority, certificate: X509Certificate, facts: CertificateFacts, now: number): boolean {
  const { facts: own, certificate: above } = authority;
  // Name constraints are not evaluated here: whoever is bound by them issues nobody.
  return (
    above.ca &&
    own.authority &&
    within(own, now) &&
    servesClients(own) &&
    !own.extensions.has(EXTENSION.nameConstraints) &&
    (own.keyUsage === undefined || own.keyUsage.has(KEY_USAGE.keyCertSign)) &&
    facts.issuer.equals(own.subject) &&
    certificate.checkIssued(above) &&
    verifySigned(facts.signed, above.publicKey)
  );
}

/** Every value that a certificate offers for one kind of match. */
type Offer = (checked: CheckedCertificate) => readonly string[];

const SPIFFE = /^spiffe:/i;
const lowerDomain = (email: string): string => email.replace(/@[^@]*$/, (domain) => domain.toLowerCase());

/** What kinds of match there are, the first that fits counts, and how a configured value is written to be compared. */
const KINDS: readonly (readonly [kind: string, offer: Offer, write: (value: string) => string])[] = [
  [
    "fingerprintSha256",
    ({ certificate }) => [certificate.fingerprint256.replaceAll(":", "").toLowerCase()],
    (value) => value.replaceAll(":", "").toLowerCase(),
  ],
  ["spiffeId", ({ facts }) => alternativeNames(facts).uris.filter((uri) => uri.startsWith("spiffe://")), (value) => value],
  ["sanUri", ({ facts }) => alternativeNames(facts).uris, (value) => value],
  ["sanDns", ({ facts }) => alternativeNames(facts).dns.map((name) => name.toLowerCase()), (value) => value.toLowerCase()],
  ["sanEmail", ({ facts }) => alternativeNames(facts).emails.map(lowerDomain), lowerDomain],
  [
    "subject",
    ({ facts }) => [JSON.stringify(nameAttributes(facts.subject))],
    (value) => JSON.stringify(nameAttributes(distinguishedName(value))),
  ],
  [
    "commonName",
    ({ facts }) => {
      const names = commonNames(facts);
      // A subject with two common names is nobody: which of them was meant cannot be known.
      return names.length === 1 ? names : [];
    },
    (value) => value,
  ],
];

/** Bindings as they are compared. */
export interface Bindings {
  readonly [kind: string]: ReadonlyMap<string, readonly CertificateBinding[]>;
}

/** @throws {HsmError} INVALID_REQUEST for a subject that is no distinguished name */
export function prepareBindings(bindings: readonly CertificateBinding[]): Bindings {
  return Object.fromEntries(
    KINDS.map(([kind, , write]) => {
      const ofKind = bindings.filter(({ match }) => kind in match);
      return [kind, Map.groupBy(ofKind, ({ match }) => write((match as Readonly<Record<string, string>>)[kind] as string))];
    }),
  );
}

/**
 * The binding that names this certificate, by the first kind of match that any binding fits: fingerprint, SPIFFE id,
 * URI, DNS name, e-mail address, subject, common name.
 *
 * Undefined when none fits, when several bindings of that kind fit, and when the certificate holds a
 * SPIFFE id beside another URI: then it is not said which of them it is.
 */
export function bindingFor(checked: CheckedCertificate, bindings: Bindings): CertificateBinding | undefined {
  try {
    const { uris } = alternativeNames(checked.facts);
    if (uris.length > 1 && uris.some((uri) => SPIFFE.test(uri))) return undefined;
    for (const [kind, offer] of KINDS) {
      const found = [...new Set(offer(checked))].flatMap((value) => bindings[kind]?.get(value) ?? []);
      if (found.length > 0) return found.length === 1 ? found[0] : undefined;
    }
  } catch {
    // Names that cannot be read are nobody's.
  }
  return undefined;
}
