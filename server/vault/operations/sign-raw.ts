import { algorithmNumber } from "@keystead/contract/enum-names";
import { signRaw as operation } from "@keystead/contract/operations/sign-raw";
import { RawPadding } from "@keystead/contract/generated/hsm/hsm_pb";
import { grantOf, handler } from "./handler.ts";

/** RSA's private operation over the caller's own bytes, with the current version; only a key that names this does it. */
export const signRaw = handler(operation, async (invocation, { objects, provider }) => {
  const { request, run } = invocation;
  const key = await objects.open(grantOf(invocation));
  // The contract's rules leave these two.
  const padding = request.padding === RawPadding.PKCS1 ? "pkcs1" : "none";
  const signature = await provider.signRaw(key, request.rawData, padding, run);
  return {
    reply: { signature, keyId: request.keyId, version: key.version, algorithm: algorithmNumber(key.algorithm) },
    version: key.version,
  };
});
