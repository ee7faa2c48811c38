import { createSecretId as operation } from "@keystead/contract/operations/create-secret-id";
import { secretIdMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** A new secret id, shown this once. */
export const createSecretId = handler(operation, async ({ request, principal }, { identity }) => {
  const { secretId, accessor, record, change } = await identity.serviceAccounts.createSecretId(principal, request.name, request);
  return { reply: { secretId, about: secretIdMessage(accessor, record) }, change };
});
