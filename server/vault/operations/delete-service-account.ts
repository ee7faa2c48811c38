import { deleteServiceAccount as operation } from "@keystead/contract/operations/delete-service-account";
import { handler } from "./handler.ts";

/** Removes a service account with its sessions. */
export const deleteServiceAccount = handler(operation, async ({ request, principal }, { identity }) => {
  return { reply: { name: request.name }, change: await identity.serviceAccounts.remove(principal, request.name) };
});
