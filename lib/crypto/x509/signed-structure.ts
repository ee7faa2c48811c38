/**
 * Structures that somebody signed: certificates, revocation lists and OCSP responses have one outer form.
 *
 *      SEQUENCE { to be signed, algorithm, signature }
 *
 * Verifying takes the algorithm from the structure and the key from whoever trusts it: the algorithm must fit the key
 * and be in the table below, where nothing with MD5 or SHA-1 is.
 *
 * @see RFC 5280 §4.1.1, §5.1.1; RFC 4055 §3.1 (PSS); RFC 8410 §3 (EdDSA); RFC 9881 (ML-DSA)
 */
import { constants, verify, type KeyObject } from "node:crypto";
import {
  MalformedDer,
  contentsOf,
  derChildren,
  derPart,
  derParts,
  integerHex,
  objectIdentifier,
  wholeBits,
  type DerPart,
} from "../formats/der-part.ts";

export interface SignedStructure {
  readonly toBeSigned: DerPart;
  readonly algorithm: DerPart;
  readonly signature: Buffer;
}

/** @throws {MalformedDer} */
export function readSigned(der: Buffer): SignedStructure {
  const [toBeSigned, algorithm, signature, ...more] = derChildren(derPart(der));
  if (toBeSigned?.tag !== 0x30 || algorithm?.tag !== 0x30 || more.length > 0) throw new MalformedDer("not a signed structure");
  return { toBeSigned, algorithm, signature: wholeBits(signature) };
}

interface Form {
  /** Node's name of the key's kind. */
  readonly key: string;
  /** Absent where the algorithm hashes by itself. */
  readonly digest?: "sha256" | "sha384" | "sha512";
}

const ML_DSA = "2.16.840.1.101.3.4.3";
const FORMS: Readonly<Record<string, Form>> = Object.freeze({
  "1.2.840.113549.1.1.11": { key: "rsa", digest: "sha256" },
  "1.2.840.113549.1.1.12": { key: "rsa", digest: "sha384" },
  "1.2.840.113549.1.1.13": { key: "rsa", digest: "sha512" },
  "1.2.840.10045.4.3.2": { key: "ec", digest: "sha256" },
  "1.2.840.10045.4.3.3": { key: "ec", digest: "sha384" },
  "1.2.840.10045.4.3.4": { key: "ec", digest: "sha512" },
  "1.3.101.112": { key: "ed25519" },
  "1.3.101.113": { key: "ed448" },
  [`${ML_DSA}.17`]: { key: "ml-dsa-44" },
  [`${ML_DSA}.18`]: { key: "ml-dsa-65" },
  [`${ML_DSA}.19`]: { key: "ml-dsa-87" },
});

const RSA_PSS = "1.2.840.113549.1.1.10";
const DIGESTS: Readonly<Record<string, "sha256" | "sha384" | "sha512">> = Object.freeze({
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
});
const LEAST_RSA_BITS = 2048;

/** Whether `key` made the signature, by an algorithm of the table. Nothing is thrown for a signature of any shape. */
export function verifySigned({ toBeSigned, algorithm, signature }: SignedStructure, key: KeyObject): boolean {
  try {
    if ((key.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS) < LEAST_RSA_BITS) return false;
    const [oid, parameters, ...more] = derChildren(algorithm);
    const name = objectIdentifier(oid);
    if (more.length > 0) return false;
    if (name === RSA_PSS) return key.asymmetricKeyType?.startsWith("rsa") === true && verifyPss(parameters, toBeSigned, key, signature);
    const form = Object.hasOwn(FORMS, name) ? FORMS[name] : undefined;
    // RSA PKCS#1 has NULL for parameters, or nothing; every other one must have none.
    const bare = parameters === undefined || (form?.key === "rsa" && parameters.tag === 0x05 && parameters.contents.length === 0);
    if (form === undefined || !bare || key.asymmetricKeyType !== form.key) return false;
    return verify(form.digest, toBeSigned.whole, key, signature);
  } catch {
    return false;
  }
}

/** RSASSA-PSS with one digest for both purposes; the salt is as long as it says. */
function verifyPss(parameters: DerPart | undefined, signed: DerPart, key: KeyObject, signature: Buffer): boolean {
  const [hash, mask, salt, ...more] = derChildren(parameters);
  const digestOf = (part: DerPart | undefined): string => objectIdentifier(derChildren(part)[0]);
  const digest = DIGESTS[digestOf(derParts(contentsOf(hash, 0xa0))[0])];
  const [mgf, maskHash] = derChildren(derParts(contentsOf(mask, 0xa1))[0]);
  const [saltBytes] = derParts(contentsOf(salt, 0xa2));
  // Some sign with as much salt as fits; a length that does not fit the key does not verify.
  const saltLength = Number.parseInt(integerHex(saltBytes), 16);
  if (digest === undefined || objectIdentifier(mgf) !== "1.2.840.113549.1.1.8" || DIGESTS[digestOf(maskHash)] !== digest) return false;
  if (more.length > 0 || saltLength > 1024) return false;
  return verify(digest, signed.whole, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
}
