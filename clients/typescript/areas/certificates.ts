/** X.509 requests and certificates. */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Ways } from "../operation-ways.ts";
import type { KeyAddress } from "./keys.ts";
import type { DigestSpelling } from "./names.ts";
import type { SignatureScheme } from "./signatures.ts";

export type CertificateUsage =
  | "digital_signature"
  | "content_commitment"
  | "key_encipherment"
  | "data_encipherment"
  | "key_agreement"
  | "key_cert_sign"
  | "crl_sign"
  | "encipher_only"
  | "decipher_only";

export type CertificatePurpose = "server_auth" | "client_auth" | "code_signing" | "email_protection" | "time_stamping" | "ocsp_signing";

export interface GenerateCsrRequest extends KeyAddress {
  /** RFC 4514 text: `CN=api.example.com,O=Example,C=DE`. */
  readonly subject: string;
  readonly dnsNames?: readonly string[] | undefined;
  readonly ipAddresses?: readonly string[] | undefined;
  readonly emailAddresses?: readonly string[] | undefined;
  readonly uris?: readonly string[] | undefined;
  readonly keyUsage?: readonly CertificateUsage[] | undefined;
  readonly purposes?: readonly CertificatePurpose[] | undefined;
  /** The key is an authority's. */
  readonly isCa?: boolean | undefined;
  /** With `isCa`: `pathLength` says how many authorities may follow. */
  readonly limitPath?: boolean | undefined;
  readonly pathLength?: number | undefined;
  readonly digest?: DigestSpelling | undefined;
  /** RSA: PSS when left out. */
  readonly scheme?: SignatureScheme | undefined;
}

export interface GenerateCsrResponse {
  /** PEM. */
  readonly csr: string;
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
}

export interface GenerateCertificateRequest extends GenerateCsrRequest {
  /** The key that is certified; the signing key itself when left out. */
  readonly subjectKeyId?: string | undefined;
  /** With `subjectKeyId`: the signing key's own name, for an authority made here; or `issuerCertificate`. */
  readonly issuer?: string | undefined;
  /** With `subjectKeyId`: the signing key's certificate in PEM, whoever made it. */
  readonly issuerCertificate?: string | undefined;
  /** Now, when left out. */
  readonly notBefore?: Date | undefined;
  /** 1 to 36,500. */
  readonly validityDays: number;
}

export interface GenerateCertificateResponse {
  /** PEM. */
  readonly certificate: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
}

export interface CertificateOperations {
  generateCsr(request: GenerateCsrRequest): Promise<GenerateCsrResponse>;
  generateCertificate(request: GenerateCertificateRequest): Promise<GenerateCertificateResponse>;
}

export const CERTIFICATE_OPERATIONS: Ways<CertificateOperations> = {
  generateCsr: "GenerateCsr",
  generateCertificate: "GenerateCertificate",
};
