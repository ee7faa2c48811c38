import { beginWebAuthnRegistration as operation } from "@keystead/contract/operations/begin-webauthn-registration";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { WebAuthnAlgorithm } from "@keystead/contract/generated/hsm/identity_pb";
import { WEBAUTHN_ALGORITHMS } from "@keystead/crypto/webauthn/registration";
import { wipe } from "@keystead/crypto/wipe";
import { ownName } from "./caller.ts";
import { handler } from "./handler.ts";

const BY_COSE_NUMBER: Readonly<Record<number, WebAuthnAlgorithm>> = {
  [-8]: WebAuthnAlgorithm.EDDSA,
  [-7]: WebAuthnAlgorithm.ES256,
  [-257]: WebAuthnAlgorithm.RS256,
};

/** Begins to add a security key or passkey. */
export const beginWebAuthnRegistration = handler(operation, async ({ request, principal }, { identity }) => {
  const name = ownName(principal);
  const { rpId, rpName } = identity.factors.relyingParty;
  try {
    const argon2 = identity.argon2(principal.id);
    const begun = await identity.factors.beginWebAuthn(name, request.label, request.currentPassword, argon2);
    return {
      reply: {
        registrationId: begun.registrationId,
        challenge: begun.challenge,
        rpId,
        rpName,
        userId: Buffer.from(begun.user.handle, "base64url"),
        userName: name,
        userDisplayName: begun.user.displayName === "" ? name : begun.user.displayName,
        algorithms: WEBAUTHN_ALGORITHMS.map((number) => BY_COSE_NUMBER[number] ?? WebAuthnAlgorithm.UNSPECIFIED),
        excludeCredentialIds: Object.keys(begun.user.webAuthn),
        expiresAt: timestampFromMs(begun.expiresAt),
      },
    };
  } finally {
    wipe(request.currentPassword);
  }
});
