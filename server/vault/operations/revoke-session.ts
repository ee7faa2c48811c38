import { revokeSession as operation } from "@keystead/contract/operations/revoke-session";
import { handler } from "./handler.ts";

/** Ends one session, or all of a principal, at once. */
export const revokeSession = handler(operation, async ({ request, principal }, { identity }) => {
  const whose = request.principal === "" ? principal.id : request.principal;
  const endsOwnSession = whose === principal.id;
  if (request.sessionId !== "")
    return { reply: { revoked: 1 }, change: await identity.sessions.end(principal, whose, request.sessionId), endsOwnSession };
  const { ended, change } = await identity.sessions.endAll(principal, whose);
  return { reply: { revoked: ended }, change, endsOwnSession };
});
