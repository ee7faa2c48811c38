import { generateMac as operation } from "@keystead/contract/operations/generate-mac";
import { grantOf, handler } from "./handler.ts";
import { macParams } from "./parameters.ts";

/** The MAC under the current version, with the nonce that AES-GMAC needs to verify it. */
export const generateMac = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const key = await objects.open(grantOf(invocation));
  const { mac, nonce } = provider.mac(key, request.data, macParams(request));
  return { reply: { mac, nonce, keyId: request.keyId, version: key.version }, version: key.version };
});
