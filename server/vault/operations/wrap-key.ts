import { algorithmNumber } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { wrapKey as operation } from "@keystead/contract/operations/wrap-key";
import { wipe } from "@keystead/crypto/wipe";
import { grantOf, handler, otherGrantOf } from "./handler.ts";
import { wrapParams, wrappedFormat } from "./wrapping.ts";

/** One managed key encrypted under another. What may leave, and under what, says objects/. */
export const wrapKey = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  if (request.keyId === request.targetKeyId) throw new HsmError("INVALID_REQUEST", "a key does not wrap itself");
  const key = await objects.open(grantOf(invocation));
  const target = await objects.openForExport(otherGrantOf(invocation), "wrapped", request.targetVersion, request.keyId);
  try {
    const params = wrapParams(request.mechanism, request.digest, request.mode, request.associatedData);
    const wrappedKey = provider.wrap(key, target.material, params);
    return {
      reply: {
        wrappedKey,
        keyId: request.keyId,
        version: key.version,
        targetKeyId: request.targetKeyId,
        targetVersion: target.version,
        algorithm: algorithmNumber(target.algorithm),
        format: wrappedFormat(target.algorithm),
      },
      version: key.version,
    };
  } finally {
    wipe(target.material);
  }
});
