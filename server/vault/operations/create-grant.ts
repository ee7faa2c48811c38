import { createGrant as operation } from "@keystead/contract/operations/create-grant";
import { stateForbids } from "../objects/key-rules.ts";
import { handler } from "./handler.ts";
import { grantMessage, milliseconds } from "./policy-message.ts";

/** Hands one operation on one key on. The key must be there. */
export const createGrant = handler(operation, async ({ principal, address, namespace, request }, { objects, policy }) => {
  const { attributes } = await objects.describe(namespace, request.keyId);
  if (attributes.state === "destroyed") throw stateForbids(request.keyId, "destroyed");
  const { grantee, operation: handed, condition, expiresAt, keyId, maxUses } = request;
  const { delegation, change } = await policy.delegate(
    { to: grantee, namespace, keyId, operation: handed, condition, expiresAt: milliseconds(expiresAt) ?? 0, maxUses },
    { principal, address },
  );
  return { reply: { grant: grantMessage(delegation) }, change };
});
