import { verifyMac as operation } from "@keystead/contract/operations/verify-mac";
import { grantOf, handler } from "./handler.ts";
import { macParams } from "./parameters.ts";

/** Compares in constant time, with the version named or with every version that is not destroyed. */
export const verifyMac = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const grant = grantOf(invocation);
  const params = macParams(request);
  const keys = request.version === 0 ? objects.openAll(grant) : [objects.open(grant, request.version)];
  let current = 0;
  for await (const key of keys) {
    current ||= key.version;
    if (provider.verifyMac(key, request.data, request.mac, params))
      return { reply: { valid: true, version: key.version }, version: key.version };
  }
  return { reply: { valid: false, version: current }, version: current };
});
