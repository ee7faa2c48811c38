import { confirmTotp as operation } from "@keystead/contract/operations/confirm-totp";
import { ownName } from "./caller.ts";
import { userMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Adds the authenticator app that has shown a code. */
export const confirmTotp = handler(operation, async ({ request, principal }, { identity }) => {
  const name = ownName(principal);
  const { record, change } = await identity.factors.confirmTotp(name, request.factorId, request.code);
  return { reply: { user: userMessage(name, record, identity) }, change };
});
