/**
 * Client certificates: the chain is checked again here, whatever the gateway says it saw.
 *
 * What cannot be checked here is possession of the private key: the handshake was the gateway's, and the audit log
 * calls such a principal vouched for (SECURITY.md).
 */
import { X509Certificate } from "node:crypto";
import type { CertificateBinding } from "@keystead/contract/config";

const CLIENT_AUTH_OID = "1.3.6.1.5.5.7.3.2";

/** The certificate authorities of a PEM file. */
export function parseAuthorities(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/**
 * The certificate behind the DER, when one of the authorities issued it, it is inside its validity at `now`, is no
 * authority itself and may be used for client authentication; otherwise undefined.
 */
export function verifyCertificate(der: Buffer, authorities: readonly X509Certificate[], now: number): X509Certificate | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return undefined;
  }
  if (certificate.ca || now < certificate.validFromDate.getTime() || now > certificate.validToDate.getTime()) return undefined;
  // X509Certificate.keyUsage lists the extended key usage OIDs.
  if (certificate.keyUsage !== undefined && !certificate.keyUsage.includes(CLIENT_AUTH_OID)) return undefined;
  const issued = authorities.some(
    (authority) =>
      authority.ca &&
      now <= authority.validToDate.getTime() &&
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey),
  );
  return issued ? certificate : undefined;
}

/** The binding that names this certificate: fingerprint before SAN before common name. */
export function bindingFor(certificate: X509Certificate, bindings: readonly CertificateBinding[]): CertificateBinding | undefined {
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  const uris = sanUris(certificate);
  const names = commonNames(certificate);
  const ranked = [
    (binding: CertificateBinding): boolean =>
      "fingerprintSha256" in binding.match && binding.match.fingerprintSha256.replaceAll(":", "").toLowerCase() === fingerprint,
    (binding: CertificateBinding): boolean => "sanUri" in binding.match && uris.includes(binding.match.sanUri),
    // A subject with two common names is nobody: which of them was meant cannot be known.
    (binding: CertificateBinding): boolean => "commonName" in binding.match && names.length === 1 && names[0] === binding.match.commonName,
  ];
  for (const matches of ranked) {
    const found = bindings.find(matches);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every common name, also one that shares its place with another attribute; Node escapes what lies inside a value. */
function commonNames(certificate: X509Certificate): string[] {
  return (certificate.subject ?? "")
    .split(/\n| \+ /)
    .filter((part) => part.startsWith("CN="))
    .map((part) => part.slice(3));
}

function sanUris(certificate: X509Certificate): string[] {
  const names = certificate.subjectAltName ?? "";
  // Values that hold commas or quotes are printed quoted by Node; those are never matched.
  return names.includes('"')
    ? []
    : names
        .split(", ")
        .filter((name) => name.startsWith("URI:"))
        .map((name) => name.slice(4));
}
