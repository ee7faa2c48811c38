import { getToken as operation } from "@keystead/contract/operations/get-token";
import { handler } from "./handler.ts";
import { tokenMessage } from "./token-message.ts";

/** One token, and what is known of its PINs. */
export const getToken = handler(operation, async ({ namespace, principal, request }, { identity }) => {
  const record = identity.tokens.getFor(principal, namespace, request.name);
  return { reply: { token: tokenMessage(request.name, record, identity) } };
});
