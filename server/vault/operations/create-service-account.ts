import { createServiceAccount as operation } from "@keystead/contract/operations/create-service-account";
import { serviceAccountMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Makes an account for a program. */
export const createServiceAccount = handler(operation, async ({ request, principal }, { identity }) => {
  const { record, change } = await identity.serviceAccounts.create(principal, request);
  return { reply: { serviceAccount: serviceAccountMessage(request.name, record) }, change };
});
