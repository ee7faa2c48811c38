/**
 * What GenerateCsr and GenerateCertificate read alike out of their requests: names, usages, the way of signing.
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { CertificatePurpose, CertificateUsage, Digest, SignatureScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import type { SignatureParams } from "@keystead/crypto/mechanism";
import { KEY_USAGES, PURPOSE_NAMES, type Claims } from "@keystead/crypto/x509/extensions";
import { signatureAlgorithm } from "@keystead/crypto/x509/signature-algorithm";
import { signatureParams } from "./parameters.ts";

/** The extensions that a request asks for. */
export function claimsOf(request: {
  readonly dnsNames: string[];
  readonly ipAddresses: string[];
  readonly emailAddresses: string[];
  readonly uris: string[];
  readonly keyUsage: CertificateUsage[];
  readonly purposes: CertificatePurpose[];
  readonly isCa: boolean;
  readonly limitPath: boolean;
  readonly pathLength: number;
}): Claims {
  if (request.pathLength > 0 && !request.limitPath) throw new HsmError("INVALID_REQUEST", "path_length goes with limit_path");
  return {
    ...request,
    // Both enums count from 1 in the order of the names.
    keyUsage: request.keyUsage.flatMap((usage) => KEY_USAGES[usage - 1] ?? []),
    purposes: request.purposes.flatMap((purpose) => PURPOSE_NAMES[purpose - 1] ?? []),
    pathLength: request.limitPath ? request.pathLength : undefined,
  };
}

/** How the structure is signed, and how that is named in it. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function signingOf(
  algorithm: AlgorithmName,
  request: { readonly digest: Digest; readonly scheme: SignatureScheme },
): { readonly params: SignatureParams; readonly identifier: Buffer } {
  const params = signatureParams({ ...request, format: 0 });
  if (params.scheme === "prehash") throw new HsmError("MECHANISM_PARAM_INVALID", "certificates have no pre-hashed signatures");
  return { params, identifier: signatureAlgorithm(algorithm, params) };
}
