import { hpkeSeal as operation } from "@keystead/contract/operations/hpke-seal";
import { grantOf, handler } from "./handler.ts";
import { hpkeChoice } from "./hpke.ts";

/** One message to the holder of the current version, under an encapsulation of its own. */
export const hpkeSeal = handler(operation, async (invocation, context) => {
  const { request, run } = invocation;
  const key = await context.objects.open(grantOf(invocation));
  const choice = await hpkeChoice(invocation, request, context);
  const { encapsulatedKey, ciphertext } = await context.provider.hpkeSeal(key, request.plaintext, choice, run);
  return { reply: { encapsulatedKey, ciphertext, keyId: request.keyId, version: key.version }, version: key.version };
});
