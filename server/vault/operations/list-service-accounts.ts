import { listServiceAccounts as operation } from "@keystead/contract/operations/list-service-accounts";
import { serviceAccountMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Every service account. */
export const listServiceAccounts = handler(operation, async (_, { identity }) => {
  return { reply: { serviceAccounts: identity.serviceAccounts.list().map(({ id, value }) => serviceAccountMessage(id, value)) } };
});
