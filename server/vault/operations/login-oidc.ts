import { loginOidc as operation } from "@keystead/contract/operations/login-oidc";
import { actorOf, peerOf } from "./caller.ts";
import { tokensMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Begins a session of somebody whom an identity provider vouches for. */
export const loginOidc = handler(operation, async ({ request, peer }, { identity }) => {
  const { tokens, change, subject } = await identity.federated.login(request.token, request.bindAddress, peerOf(peer));
  return { reply: { tokens: tokensMessage(tokens) }, change, actor: actorOf(subject) };
});
