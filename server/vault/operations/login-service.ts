import { loginService as operation } from "@keystead/contract/operations/login-service";
import { actorOf, peerOf } from "./caller.ts";
import { tokensMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Begins a session of a service account. */
export const loginService = handler(operation, async ({ request, peer }, { identity }) => {
  const { tokens, change, subject } = await identity.serviceAccounts.login(
    request.roleId,
    request.secretId,
    request.bindAddress,
    peerOf(peer),
  );
  return { reply: { tokens: tokensMessage(tokens) }, change, actor: actorOf(subject) };
});
