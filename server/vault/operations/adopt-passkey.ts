import { adoptPasskey as operation } from "@keystead/contract/operations/adopt-passkey";
import { spkiOfCose } from "@keystead/crypto/public/cose-key";
import { approverKeyMessage } from "./approval-message.ts";
import { ownName } from "./caller.ts";
import { handler } from "./handler.ts";

/** One's own second factor becomes one's approver key as well, by an assertion for this and nothing else. */
export const adoptPasskey = handler(operation, async ({ principal, request }, { approvals, identity }) => {
  const name = ownName(principal);
  const { credentialId, description, signature } = request;
  const { rpId } = identity.factors.relyingParty;
  const publicKey = Buffer.from(identity.factors.credential(name, credentialId).publicKey, "base64url");
  const adoption = approvals.keys.adoption(principal.id, {
    spki: spkiOfCose(publicKey),
    description,
    rpId,
    factor: { name, credentialId },
  });
  const assertion = {
    credentialId,
    signature,
    clientDataJson: request.assertion?.clientDataJson ?? Buffer.alloc(0),
    authenticatorData: request.assertion?.authenticatorData ?? Buffer.alloc(0),
  };
  const change = await identity.factors.useCredential(name, adoption.challenge, assertion, adoption);
  return { reply: { key: approverKeyMessage(adoption.key, approvals.personOf(principal), approvals.keys) }, change };
});
