import { listServiceAccounts as operation } from "@keystead/contract/operations/list-service-accounts";
import { mayKnowOf } from "../authenticate/subjects.ts";
import { knownTo, serviceAccountMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

/** Every service account that the caller may know of. */
export const listServiceAccounts = handler(operation, async ({ principal }, { identity }) => {
  const known = identity.serviceAccounts.list().filter(({ value }) => mayKnowOf(principal, value));
  return { reply: { serviceAccounts: known.map(({ id, value }) => knownTo(principal, serviceAccountMessage(id, value))) } };
});
