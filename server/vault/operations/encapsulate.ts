import { encapsulate as operation } from "@keystead/contract/operations/encapsulate";
import { grantOf, handler } from "./handler.ts";
import { grantWish, wishOf } from "./secret-result.ts";

/** A fresh secret for whoever holds the private half: a managed key here, a ciphertext for them. */
export const encapsulate = handler(operation, async (invocation, { objects, provider }) => {
  const { namespace, request } = invocation;
  const key = await objects.open(grantOf(invocation));
  const wish = await wishOf(namespace, request, objects);
  const { ciphertext, secret } = provider.encapsulate(key);
  const { fields, ...rest } = await grantWish(wish, secret, false, objects);
  return { reply: { ciphertext, keyId: request.keyId, version: key.version, ...fields }, version: key.version, ...rest };
});
