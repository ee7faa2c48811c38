import { completeLogin as operation } from "@keystead/contract/operations/complete-login";
import { actorOf, peerOf } from "./caller.ts";
import { oneProof } from "./second-factor.ts";
import { tokensMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Begins the session that wanted a second factor. */
export const completeLogin = handler(operation, async ({ request, peer }, { identity }) => {
  const proof = oneProof(request.totpCode, request.recoveryCode, request.webauthn);
  const { tokens, change, subject } = await identity.logins.complete(request.challengeId, proof, peerOf(peer));
  return { reply: { tokens: tokensMessage(tokens) }, change, actor: actorOf(subject) };
});
