import { generateMac as operation } from "@keystead/contract/operations/generate-mac";
import { grantOf, handler } from "./handler.ts";

/** The full-length MAC under the current version. */
export const generateMac = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const key = await objects.open(grantOf(invocation));
  return { reply: { mac: provider.mac(key, request.data), keyId: request.keyId, version: key.version }, version: key.version };
});
