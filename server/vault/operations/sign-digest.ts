import { algorithmNumber } from "@keystead/contract/enum-names";
import { signDigest as operation } from "@keystead/contract/operations/sign-digest";
import { grantOf, handler } from "./handler.ts";
import { signatureParams } from "./parameters.ts";

/** Signs a digest that the caller computed, with the current version. What it is the digest of, the vault cannot know. */
export const signDigest = handler(operation, async (invocation, { objects, provider }) => {
  const { request, run } = invocation;
  const key = await objects.open(grantOf(invocation));
  const signature = await provider.signDigest(key, request.digestValue, signatureParams(request), run);
  return {
    reply: { signature, keyId: request.keyId, version: key.version, algorithm: algorithmNumber(key.algorithm) },
    version: key.version,
  };
});
