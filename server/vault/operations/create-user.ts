import { createUser as operation } from "@keystead/contract/operations/create-user";
import { wipe } from "@keystead/crypto/wipe";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Makes a local user. */
export const createUser = handler(operation, async ({ request, principal }, { identity }) => {
  try {
    const { record, change } = await identity.users.create(principal, request, identity.argon2(principal.id));
    return { reply: { user: userMessage(request.name, record, identity) }, change };
  } finally {
    wipe(request.password);
  }
});
