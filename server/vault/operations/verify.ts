import { verify as operation } from "@keystead/contract/operations/verify";
import { grantOf, handler } from "./handler.ts";
import { signatureParams } from "./parameters.ts";

/** Verifies with the version named, or with the current one and then every older one that is not destroyed. */
export const verify = handler(operation, async (invocation, { objects, provider }) => {
  const { request, run } = invocation;
  const grant = grantOf(invocation);
  const params = signatureParams(request);
  const keys = request.version === 0 ? objects.openAll(grant) : [objects.open(grant, request.version)];
  let current = 0;
  for await (const key of keys) {
    current ||= key.version;
    if (await provider.verify(key, request.data, request.signature, params, run))
      return { reply: { valid: true, version: key.version }, version: key.version };
  }
  return { reply: { valid: false, version: current }, version: current };
});
