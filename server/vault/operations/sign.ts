import { algorithmNumber } from "@keystead/contract/enum-names";
import { sign as operation } from "@keystead/contract/operations/sign";
import { grantOf, handler } from "./handler.ts";
import { signatureParams } from "./parameters.ts";

/** Signs with the current version. The data is hashed here, never taken as a digest. */
export const sign = handler(operation, async (invocation, { objects, provider }) => {
  const { request, run } = invocation;
  const key = await objects.open(grantOf(invocation));
  const signature = await provider.sign(key, request.data, signatureParams(request), run);
  return {
    reply: { signature, keyId: request.keyId, version: key.version, algorithm: algorithmNumber(key.algorithm) },
    version: key.version,
  };
});
