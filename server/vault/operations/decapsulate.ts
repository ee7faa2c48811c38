import { decapsulate as operation } from "@keystead/contract/operations/decapsulate";
import { grantOf, handler } from "./handler.ts";
import { grantWish, requireDerivation, wishOf } from "./secret-result.ts";

/** The secret that a ciphertext carries. Whether it was made for this key is not told: another one yields another secret. */
export const decapsulate = handler(operation, async (invocation, context) => {
  const { namespace, request, run } = invocation;
  const { objects, provider } = context;
  const key = await objects.open(grantOf(invocation), request.version);
  const wish = await wishOf(namespace, request, objects);
  requireDerivation(key, wish);
  const secret = await provider.decapsulate(key, request.ciphertext, run);
  const { fields, ...rest } = await grantWish(wish, secret, key, false, context, run);
  return { reply: { keyId: request.keyId, version: key.version, ...fields }, version: key.version, ...rest };
});
