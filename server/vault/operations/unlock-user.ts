import { unlockUser as operation } from "@keystead/contract/operations/unlock-user";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Takes a lockout back. */
export const unlockUser = handler(operation, async ({ request, principal }, { identity }) => {
  const { record, change } = await identity.users.unlock(principal, request.name);
  return { reply: { user: { ...userMessage(request.name, record, identity), lockedUntil: undefined } }, change };
});
