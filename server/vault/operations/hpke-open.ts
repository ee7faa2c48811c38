import { hpkeOpen as operation } from "@keystead/contract/operations/hpke-open";
import { grantOf, handler } from "./handler.ts";
import { hpkeChoice } from "./hpke.ts";

/** A message that somebody sealed to the key. Whatever is wrong with it, the answer is one. */
export const hpkeOpen = handler(operation, async (invocation, context) => {
  const { request, run } = invocation;
  const key = await context.objects.open(grantOf(invocation), request.version);
  const choice = await hpkeChoice(invocation, request, context);
  const plaintext = await context.provider.hpkeOpen(key, request, choice, run);
  return { reply: { plaintext, keyId: request.keyId, version: key.version }, version: key.version, secrets: [plaintext] };
});
