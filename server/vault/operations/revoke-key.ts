import { revokeKey as operation } from "@keystead/contract/operations/revoke-key";
import { revoke } from "../objects/lifecycle.ts";
import { timeOf } from "./attribute-message.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";
import { reasonName } from "./key-message.ts";

/** Declares a key, or an older version and every copy of it, no longer to be relied on. */
export const revokeKey = handler(operation, async ({ namespace, request }, { objects }) => {
  const { keyId, version, comment } = request;
  const revocation = { version, comment, reason: reasonName(request.reason), compromiseDate: timeOf(request.compromiseDate) };
  return changedKey(await objects.alter(operation.name, namespace, keyId, (before, now) => revoke(keyId, before, revocation, now)));
});
