import { listSessions as operation } from "@keystead/contract/operations/list-sessions";
import { principalId } from "../authenticate/subjects.ts";
import { sessionMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Sessions that are open: the caller's, somebody's, everybody's, as far as the caller may know of them. */
export const listSessions = handler(operation, async ({ request, principal }, { identity }) => {
  const whose = request.principal === "" ? principal.id : request.principal;
  const sessions = identity.sessions
    .listFor(principal, whose === "*" ? undefined : whose)
    .toSorted((a, b) => b.record.createdAt - a.record.createdAt)
    .map(({ id, record }) => sessionMessage(id, principalId(record), record, id === principal.session?.id));
  return { reply: { sessions } };
});
