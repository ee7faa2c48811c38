import { finishWebAuthnRegistration as operation } from "@keystead/contract/operations/finish-webauthn-registration";
import { ownName } from "./caller.ts";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Adds the security key or passkey that has answered. */
export const finishWebAuthnRegistration = handler(operation, async ({ request, principal }, { identity }) => {
  const name = ownName(principal);
  const { record, change } = await identity.factors.finishWebAuthn(name, request.registrationId, request);
  return { reply: { user: userMessage(name, record, identity) }, change };
});
