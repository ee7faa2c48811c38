import { encapsulate as operation } from "@keystead/contract/operations/encapsulate";
import { grantOf, handler } from "./handler.ts";
import { grantWish, requireDerivation, wishOf } from "./secret-result.ts";

/** A fresh secret for whoever holds the private half: a managed key here, a ciphertext for them. */
export const encapsulate = handler(operation, async (invocation, context) => {
  const { namespace, request, run } = invocation;
  const { objects, provider } = context;
  const key = await objects.open(grantOf(invocation));
  const wish = await wishOf(namespace, request, objects);
  requireDerivation(key, wish);
  const { ciphertext, secret } = await provider.encapsulate(key, run);
  const { fields, ...rest } = await grantWish(wish, secret, key, false, context, run);
  return { reply: { ciphertext, keyId: request.keyId, version: key.version, ...fields }, version: key.version, ...rest };
});
