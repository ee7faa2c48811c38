/**
 * WebAuthn assertions: was this challenge answered by the holder of this credential, here, with somebody present?
 *
 * A pure decision over what is given: no challenge is kept, no counter is written, nothing is read from anywhere. Who
 * calls this makes challenges that are used once, stores the new counter with what the assertion permits, and decides
 * whether a user who was present but not verified is enough.
 *
 * @see W3C Web Authentication Level 3, §7.2 "Verifying an Authentication Assertion"
 */
import { timingSafeEqual } from "node:crypto";
import { readSequence, unsignedInteger } from "../formats/der.ts";
import { derSequence, derUnsigned } from "../formats/der-writer.ts";
import { parseStrictJson, type JsonValue } from "@keystead/contract/json";

/** The relying party: us. */
export interface RelyingParty {
  /** A domain, such as `hsm.example.com`. */
  readonly id: string;
  /** Web origins that may ask, such as `https://hsm.example.com`; compared whole. */
  readonly origins: readonly string[];
}

/** A registered credential, as it is kept. */
export interface WebAuthnCredential {
  /** base64url. */
  readonly id: string;
  /** COSE_Key (RFC 9052 §7), base64url. */
  readonly publicKey: string;
  /** The signature counter of the last use; 0 where the authenticator has none. */
  readonly counter: number;
}

/** What `navigator.credentials.get` gave, in bytes. */
export interface Assertion {
  /** base64url. */
  readonly credentialId: string;
  readonly clientDataJson: Uint8Array;
  readonly authenticatorData: Uint8Array;
  readonly signature: Uint8Array;
}

export interface VerifiedAssertion {
  /** The counter to keep. */
  readonly counter: number;
  /** The authenticator asked for a PIN or a fingerprint, beyond somebody's presence. */
  readonly userVerified: boolean;
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/**
 * Verifies an assertion. One answer for everything that is wrong with it: undefined.
 *
 * Refused are another credential, challenge, origin or relying party, a frame of another site, nobody present, a
 * counter that did not grow (a copied authenticator), client data with two readings, and a signature that is not right.
 *
 * @param challenge the bytes that were to be signed, 16 or more
 */
export async function verifyAssertion(
  credential: WebAuthnCredential,
  challenge: Uint8Array,
  assertion: Assertion,
  rp: RelyingParty,
): Promise<VerifiedAssertion | undefined> {
  if (assertion.credentialId !== credential.id || !sameSite(assertion.clientDataJson, challenge)) return undefined;
  // Loaded with the first use: nobody who has no such factor waits for it.
  const { verifyAuthenticationResponse } = await import("@simplewebauthn/server");
  const { cose, decodeCredentialPublicKey } = await import("@simplewebauthn/server/helpers");
  try {
    const key = decodeCredentialPublicKey(new Uint8Array(Buffer.from(credential.publicKey, "base64url")));
    if (cose.isCOSEPublicKeyEC2(key) && !isOneSignature(assertion.signature)) return undefined;
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id: credential.id,
        rawId: credential.id,
        type: "public-key",
        clientExtensionResults: {},
        response: {
          clientDataJSON: base64url(assertion.clientDataJson),
          authenticatorData: base64url(assertion.authenticatorData),
          signature: base64url(assertion.signature),
        },
      },
      expectedChallenge: base64url(challenge),
      expectedOrigin: [...rp.origins],
      expectedRPID: rp.id,
      credential: {
        id: credential.id,
        publicKey: new Uint8Array(Buffer.from(credential.publicKey, "base64url")),
        counter: credential.counter,
      },
      requireUserVerification: false,
    });
    return verified ? { counter: authenticationInfo.newCounter, userVerified: authenticationInfo.userVerified } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the bytes are an ECDSA signature in DER and nothing else. The verifier behind this reads two numbers and passes
 * over what follows them, so that one signature would have any number of spellings.
 */
function isOneSignature(signature: Uint8Array): boolean {
  const numbers = readSequence(signature)?.map((element) => unsignedInteger(signature, element));
  const [r, s] = numbers ?? [];
  return r !== undefined && s !== undefined && derSequence(derUnsigned(r), derUnsigned(s)).equals(signature);
}

/**
 * Whether client data can be read in one way only, is not from a frame within another site, and carries the challenge.
 * The verifier behind this reads it leniently: the last of two members with one name counts, and a foreign frame passes
 * when its browser does not name the outer site.
 */
export function sameSite(clientDataJson: Uint8Array, challenge: Uint8Array): boolean {
  let data: JsonValue;
  try {
    data = parseStrictJson(Buffer.from(clientDataJson));
  } catch {
    return false;
  }
  if (data === null || typeof data !== "object" || Array.isArray(data)) return false;
  if (data["crossOrigin"] === true || data["topOrigin"] !== undefined) return false;
  const said = Buffer.from(typeof data["challenge"] === "string" ? data["challenge"] : "", "base64url");
  return said.length >= 16 && said.length === challenge.length && timingSafeEqual(said, challenge);
}
