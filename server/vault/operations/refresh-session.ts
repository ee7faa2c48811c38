import { refreshSession as operation } from "@keystead/contract/operations/refresh-session";
import { actorOf, peerOf } from "./caller.ts";
import { tokensMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** The next tokens of a session. */
export const refreshSession = handler(operation, async ({ request, peer }, { identity }) => {
  const { tokens, change, subject } = await identity.sessions.refresh(request.refreshToken, peerOf(peer));
  return { reply: { tokens: tokensMessage(tokens) }, change, actor: actorOf(subject) };
});
