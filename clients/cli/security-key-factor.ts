/** Security keys as second factors of local users: the one that a login asks for, and a new one. */
import type { Keystead } from "@keystead/client/client";
import type { CompleteLoginRequest, LoginChallenge, User } from "@keystead/client/shapes";
import { attestedCredential } from "@keystead/client/approvals";
import type { Context } from "./context.ts";
import { assertBy, deviceOf, makeCredential, type KeyAssertion } from "./fido2-tools.ts";
import { clientData, siteOf, type SecurityKeyOptions } from "./security-key.ts";
import { usageError } from "./usage-error.ts";

export interface FactorOptions extends SecurityKeyOptions {
  /** Asks for the key's PIN too, not for a touch alone. */
  readonly pin?: boolean;
}

/** Answers the challenge of a login with one of the user's credentials. */
export async function answerBySecurityKey(
  context: Context,
  challenge: LoginChallenge,
  options: FactorOptions,
): Promise<CompleteLoginRequest> {
  const { rpId, origin } = siteOf(context, options, challenge.rpId);
  const clientDataJson = clientData("webauthn.get", challenge.webauthnChallenge, origin);
  const device = await deviceOf(context.shell, options.device);
  await context.note(`the security key signs, for ${rpId}:\n${clientDataJson.toString("utf8")}\ntouch it`);
  const asked = { rpId, clientDataJson, verify: options.pin === true };
  const { challengeId, credentialIds } = challenge;
  let found: KeyAssertion | undefined;
  let failure: unknown = usageError("the user has no security key");
  for (const id of credentialIds) {
    if (found !== undefined) break;
    try {
      found = await assertBy(context.shell, device, { ...asked, credentialId: Buffer.from(id, "base64url") });
    } catch (error) {
      // The key that is connected is perhaps another of the user's.
      failure = error;
    }
  }
  if (found === undefined) throw failure;
  const { credentialId, authenticatorData, signature } = found;
  return { challengeId, webauthn: { credentialId: credentialId.toString("base64url"), clientDataJson, authenticatorData, signature } };
}

/** An attestation object that attests nothing (format none): the vault takes no other. */
function withoutAttestation(authenticatorData: Buffer): Buffer {
  const size = Buffer.alloc(3);
  size[0] = 0x59;
  size.writeUInt16BE(authenticatorData.length, 1);
  const length = authenticatorData.length < 256 ? Buffer.from([0x58, authenticatorData.length]) : size;
  // {"fmt": "none", "attStmt": {}, "authData": bytes} in CBOR (RFC 8949).
  return Buffer.concat([Buffer.from("\u{a3}cfmtdnonegattStmt\u{a0}hauthData", "latin1"), length, authenticatorData]);
}

/** Makes a credential on the key and registers it as a factor of the caller's user. */
export async function addSecurityKey(
  context: Context,
  keystead: Keystead,
  currentPassword: Uint8Array,
  options: FactorOptions & { readonly label?: string },
): Promise<User> {
  const begun = await keystead.beginWebAuthnRegistration({ label: options.label, currentPassword });
  if (!begun.algorithms.includes("es256")) throw usageError("the server takes no ES256 keys, which is what is made here");
  const { rpId, origin } = siteOf(context, options, begun.rpId);
  const clientDataJson = clientData("webauthn.create", begun.challenge, origin);
  const device = await deviceOf(context.shell, options.device);
  await context.note("touch the security key to make a credential on it");
  const authenticatorData = await makeCredential(context.shell, device, {
    rpId,
    userName: begun.userName,
    userId: begun.userId,
    clientDataJson,
    verify: options.pin === true,
  });
  return keystead.finishWebAuthnRegistration({
    registrationId: begun.registrationId,
    credentialId: attestedCredential(authenticatorData).id.toString("base64url"),
    clientDataJson,
    attestationObject: withoutAttestation(authenticatorData),
  });
}
