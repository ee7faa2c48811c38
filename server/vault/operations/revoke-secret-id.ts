import { revokeSecretId as operation } from "@keystead/contract/operations/revoke-secret-id";
import { serviceAccountMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Makes a secret id worthless. */
export const revokeSecretId = handler(operation, async ({ request, principal }, { identity }) => {
  const { record, change } = await identity.serviceAccounts.revokeSecretId(principal, request.name, request.accessor);
  return { reply: { serviceAccount: serviceAccountMessage(request.name, record) }, change };
});
