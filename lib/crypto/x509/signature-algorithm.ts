/**
 * How a signature's algorithm is named inside the structure that it signs.
 *
 * @see RFC 5758 §3.2 (ECDSA), RFC 8692 (SHA-3 by NIST's arc), RFC 4055 §3.1 (PSS), RFC 8410 §3 (EdDSA), RFC 9881 (ML-DSA),
 *   RFC 9909 (SLH-DSA)
 */
import { DIGESTS, type AlgorithmName, type DigestName } from "@keystead/contract/algorithms";
import { derElement, derInteger, derNull, derObjectIdentifier, derSequence } from "../formats/der-writer.ts";
import type { SignatureParams } from "../mechanism.ts";
import { digestOid } from "../mechanisms/rsa-digest.ts";
import { paramInvalid } from "../mechanisms/refusals.ts";
import { mechanismFor } from "../mechanisms/register.ts";

const SIGNATURES = "2.16.840.1.101.3.4.3";
const ECDSA: Readonly<Partial<Record<DigestName, string>>> = Object.freeze({
  "SHA-256": "1.2.840.10045.4.3.2",
  "SHA-384": "1.2.840.10045.4.3.3",
  "SHA-512": "1.2.840.10045.4.3.4",
  "SHA3-256": `${SIGNATURES}.10`,
  "SHA3-384": `${SIGNATURES}.11`,
  "SHA3-512": `${SIGNATURES}.12`,
});
const RSA_PKCS1: Readonly<Partial<Record<DigestName, string>>> = Object.freeze({
  "SHA-256": "1.2.840.113549.1.1.11",
  "SHA-384": "1.2.840.113549.1.1.12",
  "SHA-512": "1.2.840.113549.1.1.13",
  "SHA3-256": `${SIGNATURES}.14`,
  "SHA3-384": `${SIGNATURES}.15`,
  "SHA3-512": `${SIGNATURES}.16`,
});
const SLH_DSA_SETS = ["128s", "128f", "192s", "192f", "256s", "256f"];
const OWN_DIGEST: Readonly<Partial<Record<AlgorithmName, DigestName>>> = Object.freeze({
  "ECDSA-P384": "SHA-384",
  "ECDSA-P521": "SHA-512",
});

/** The object identifier of algorithms that sign in one way only. */
function fixedOid(algorithm: AlgorithmName): string | undefined {
  if (algorithm === "Ed25519") return "1.3.101.112";
  if (algorithm === "Ed448") return "1.3.101.113";
  const { form } = mechanismFor(algorithm);
  if (form !== undefined) return form.oid;
  const mlDsa = /^ML-DSA-(44|65|87)$/.exec(algorithm)?.[1];
  if (mlDsa !== undefined) return `${SIGNATURES}.${17 + ["44", "65", "87"].indexOf(mlDsa)}`;
  const [, family, set] = /^SLH-DSA-(SHA2|SHAKE)-(\d+[sf])$/.exec(algorithm) ?? [];
  if (family === undefined || set === undefined) return undefined;
  return `${SIGNATURES}.${(family === "SHA2" ? 20 : 26) + SLH_DSA_SETS.indexOf(set)}`;
}

/**
 * The AlgorithmIdentifier of a signature by `algorithm` with these parameters, as DER.
 *
 * @throws {HsmError} MECHANISM_PARAM_INVALID   a digest that has no identifier with this algorithm
 */
export function signatureAlgorithm(algorithm: AlgorithmName, { digest, scheme, saltBytes }: SignatureParams): Buffer {
  const fixed = fixedOid(algorithm);
  if (fixed !== undefined) return derSequence(derObjectIdentifier(fixed));
  const name = digest ?? OWN_DIGEST[algorithm] ?? "SHA-256";
  if (algorithm.startsWith("ECDSA-")) return derSequence(derObjectIdentifier(oidOf(ECDSA, name)));
  if (scheme === "pkcs1") return derSequence(derObjectIdentifier(oidOf(RSA_PKCS1, name)), derNull());
  const hash = derSequence(derObjectIdentifier(digestOid(name)), derNull());
  const mgf1 = derSequence(derObjectIdentifier("1.2.840.113549.1.1.8"), hash);
  const salt = derInteger(saltBytes ?? DIGESTS[name].outputBytes);
  const parameters = derSequence(derElement(0xa0, hash), derElement(0xa1, mgf1), derElement(0xa2, salt));
  return derSequence(derObjectIdentifier("1.2.840.113549.1.1.10"), parameters);
}

function oidOf(table: Readonly<Partial<Record<DigestName, string>>>, name: DigestName): string {
  const oid = table[name];
  if (oid === undefined) throw paramInvalid(`${name} cannot be used with this mechanism`);
  return oid;
}
