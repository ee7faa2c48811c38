/**
 * WebAuthn registrations: from what a browser gave to a credential that may be kept.
 *
 * Attestation is not asked for, so only the format `none` is taken: what an authenticator says of its maker would have to
 * be checked against lists that this process cannot fetch, and must not decide anything unchecked.
 *
 * @see W3C Web Authentication Level 3, §7.1 "Registering a New Credential"
 */
import { sameSite, type RelyingParty, type WebAuthnCredential } from "./assertion.ts";

/** What `navigator.credentials.create` gave, in bytes. */
export interface Registration {
  /** base64url. */
  readonly credentialId: string;
  readonly clientDataJson: Uint8Array;
  readonly attestationObject: Uint8Array;
}

export interface VerifiedRegistration {
  readonly credential: WebAuthnCredential;
  readonly userVerified: boolean;
}

/** COSE algorithms that are asked for, the preferred one first: EdDSA, ES256, RS256 (IANA COSE Algorithms). */
export const WEBAUTHN_ALGORITHMS: readonly number[] = Object.freeze([-8, -7, -257]);

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** Verifies a registration. One answer for everything that is wrong with it: undefined. */
export async function verifyRegistration(
  challenge: Uint8Array,
  registration: Registration,
  rp: RelyingParty,
): Promise<VerifiedRegistration | undefined> {
  if (!sameSite(registration.clientDataJson, challenge)) return undefined;
  // Loaded with the first use: nobody who has no such factor waits for it.
  const { verifyRegistrationResponse } = await import("@simplewebauthn/server");
  const { decodeAttestationObject } = await import("@simplewebauthn/server/helpers");
  try {
    // Decided before the verifier sees it: for other formats it would go by certificates, and ask the network about them.
    const format = decodeAttestationObject(new Uint8Array(registration.attestationObject)).get("fmt");
    if (format !== "none") return undefined;
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        id: registration.credentialId,
        rawId: registration.credentialId,
        type: "public-key",
        clientExtensionResults: {},
        response: {
          clientDataJSON: base64url(registration.clientDataJson),
          attestationObject: base64url(registration.attestationObject),
        },
      },
      expectedChallenge: base64url(challenge),
      expectedOrigin: [...rp.origins],
      expectedRPID: rp.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: [...WEBAUTHN_ALGORITHMS],
    });
    // What the authenticator signed for is what counts, not what the browser called it.
    if (!verified || registrationInfo.credential.id !== registration.credentialId) return undefined;
    const { id, publicKey, counter } = registrationInfo.credential;
    return { credential: { id, publicKey: base64url(publicKey), counter }, userVerified: registrationInfo.userVerified };
  } catch {
    return undefined;
  }
}
