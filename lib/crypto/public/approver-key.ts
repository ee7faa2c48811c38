/**
 * Approver keys: which public keys may stand behind an approval, how they are named, and whether a signature is theirs.
 *
 * Three kinds: Ed25519, ECDSA on P-256 with SHA-256 (signatures in DER), and ML-DSA-65 (FIPS 204, pure, no context). An
 * authenticator (WebAuthn) has a key of one of the first two and signs the digest as its challenge. Only public keys come
 * here: a private key is refused by name, so that none is handed over by mistake.
 *
 * @see RFC 8032; FIPS 186-5; FIPS 204; W3C Web Authentication Level 3 §7.2
 */
import { createPublicKey, hash, timingSafeEqual, verify, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";

export type ApproverKeyKind = "Ed25519" | "ECDSA-P256" | "ML-DSA-65";

/** A public key with its name. */
export interface ApproverKey {
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly id: string;
  readonly kind: ApproverKeyKind;
  /** SubjectPublicKeyInfo, DER in base64. */
  readonly spki: string;
}

/** What an authenticator adds to its signature. */
export interface Assertion {
  readonly authenticatorData: Uint8Array;
  readonly clientDataJson: Uint8Array;
}

/** Longest signature of the kinds above, in bytes (ML-DSA-65). */
export const MAX_SIGNATURE_BYTES = 3309;

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
/** rpIdHash, flags, counter. */
const AUTHENTICATOR_DATA_BYTES = 37;

/**
 * An approver key of a public key.
 *
 * @param given SubjectPublicKeyInfo: PEM ("PUBLIC KEY"), DER in base64, or DER
 * @throws {HsmError} INVALID_REQUEST   a private key, a key of another kind, or no key
 */
export function parseApproverKey(given: string | Uint8Array): ApproverKey {
  const der = typeof given === "string" ? derOf(given) : Buffer.from(given);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch (cause) {
    throw new HsmError("INVALID_REQUEST", "the public key cannot be read; expected a PEM block PUBLIC KEY", { cause });
  }
  const kind = kindOf(key);
  if (kind === undefined) throw new HsmError("INVALID_REQUEST", "an approver key is an Ed25519, P-256 or ML-DSA-65 public key");
  const canonical = key.export({ format: "der", type: "spki" });
  // One key has one name: another encoding of it would be registered, and counted, twice.
  return Object.freeze({ id: hash("sha256", canonical, "hex"), kind, spki: canonical.toString("base64") });
}

function derOf(text: string): Buffer {
  if (/PRIVATE KEY-----/.test(text))
    throw new HsmError("INVALID_REQUEST", "this is a private key, which stays with the approver; give its public half");
  const body = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(text)?.[1] ?? text;
  const packed = body.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) throw new HsmError("INVALID_REQUEST", "the public key is neither PEM nor base64");
  return Buffer.from(packed, "base64");
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): ApproverKeyKind | undefined {
  if (asymmetricKeyType === "ed25519") return "Ed25519";
  if (asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1") return "ECDSA-P256";
  return asymmetricKeyType === "ml-dsa-65" ? "ML-DSA-65" : undefined;
}

/** Whether the signature of these bytes is the key's. Never throws for what a signature may look like. */
export function signatureMatches(key: Pick<ApproverKey, "kind" | "spki">, signed: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length === 0 || signature.length > MAX_SIGNATURE_BYTES) return false;
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key.spki, "base64"), format: "der", type: "spki" });
    if (kindOf(publicKey) !== key.kind) return false;
    return key.kind === "ECDSA-P256"
      ? verify("sha256", signed, { key: publicKey, dsaEncoding: "der" }, signature)
      : verify(null, signed, publicKey, signature);
  } catch {
    return false;
  }
}

/**
 * Whether an authenticator asserted these bytes: its challenge is their SHA-256, a person was there and was verified, and
 * the signature is the key's. Which site it was made for is the caller's question ({@link madeFor}).
 */
export function assertionMatches(
  key: Pick<ApproverKey, "kind" | "spki">,
  statement: Uint8Array,
  { authenticatorData, clientDataJson }: Assertion,
  signature: Uint8Array,
): boolean {
  if (authenticatorData.length < AUTHENTICATOR_DATA_BYTES) return false;
  const flags = authenticatorData[32] as number;
  if ((flags & USER_PRESENT) === 0 || (flags & USER_VERIFIED) === 0) return false;
  let client: { type?: unknown; challenge?: unknown; crossOrigin?: unknown };
  try {
    client = JSON.parse(Buffer.from(clientDataJson).toString("utf8")) as typeof client;
  } catch {
    return false;
  }
  if (client === null || typeof client !== "object" || client.type !== "webauthn.get" || client.crossOrigin === true) return false;
  if (typeof client.challenge !== "string" || client.challenge !== hash("sha256", statement, "base64url")) return false;
  const signed = Buffer.concat([authenticatorData, hash("sha256", clientDataJson, "buffer")]);
  return signatureMatches(key, signed, signature);
}

/** Whether an assertion was made for this site (relying party id). */
export const madeFor = (rpId: string, { authenticatorData }: Assertion): boolean =>
  authenticatorData.length >= AUTHENTICATOR_DATA_BYTES &&
  timingSafeEqual(Buffer.from(authenticatorData).subarray(0, 32), hash("sha256", rpId, "buffer"));
