import { logout as operation } from "@keystead/contract/operations/logout";
import { HsmError } from "@keystead/contract/errors";
import { handler } from "./handler.ts";

/** Ends the session of this request. */
export const logout = handler(operation, async ({ principal }, { identity }) => {
  if (principal.session === undefined) throw new HsmError("INVALID_REQUEST", "the caller has no session");
  const { id } = principal.session;
  return { reply: { sessionId: id }, change: await identity.sessions.end(principal, principal.id, id), endsOwnSession: true };
});
