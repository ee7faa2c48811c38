import { verifyMac as operation } from "@keystead/contract/operations/verify-mac";
import { grantOf, handler } from "./handler.ts";

/** Compares in constant time, with the version named or with every version that is not destroyed. */
export const verifyMac = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const grant = grantOf(invocation);
  const keys = request.version === 0 ? await objects.openAll(grant) : [await objects.open(grant, request.version)];
  for (const key of keys) {
    if (provider.verifyMac(key, request.data, request.mac)) return { reply: { valid: true, version: key.version }, version: key.version };
  }
  const version = keys[0]?.version ?? 0;
  return { reply: { valid: false, version }, version };
});
