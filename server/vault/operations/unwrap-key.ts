import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { unwrapKey as operation } from "@keystead/contract/operations/unwrap-key";
import { unwrapFailed } from "@keystead/crypto/mechanisms/refusals";
import { wipeAfter } from "@keystead/crypto/wipe";
import { grantOf, handler } from "./handler.ts";
import { currentPublicKeyPem, exportPolicyName, keyMessage } from "./key-message.ts";
import { newKeyId, newKeyLife, newKeyUsage } from "./new-key.ts";
import { openedByAny } from "./versions-tried.ts";
import { keyFromUnwrapped, wrapParams, wrappedImportFormat } from "./wrapping.ts";

/**
 * A new managed key of wrapped material. Whatever wraps authenticates, so where no version is named, older ones of the wrapping
 * key are tried after the current one.
 *
 * It was known elsewhere: it is not local, whatever it was before.
 */
export const unwrapKey = handler(operation, async (invocation, { objects, provider }) => {
  const { namespace, request, run } = invocation;
  const template = request.asKey;
  const algorithm = algorithmName(template?.algorithm ?? 0);
  if (template === undefined || algorithm === undefined) throw new HsmError("INVALID_REQUEST", "as_key: say what key it becomes");
  const usage = newKeyUsage(algorithm, template.usage);
  if (template.attributes !== undefined)
    throw new HsmError("INVALID_REQUEST", "as_key.attributes: UnwrapKey takes attributes beside as_key");
  const life = newKeyLife(algorithm, request, objects.now());
  const keyId = newKeyId(template);
  const params = wrapParams(request.mechanism, request.digest, request.mode, request.associatedData);
  const grant = grantOf(invocation);
  const keys = request.version === 0 ? objects.openAll(grant) : [objects.open(grant, request.version, unwrapFailed)];
  const { key: unwrapping, opened: bytes } = await openedByAny(keys, (one) => provider.unwrap(one, request.wrappedKey, params));
  const key = wipeAfter(bytes, (material) => keyFromUnwrapped(algorithm, wrappedImportFormat(algorithm), material));
  await provider.checkImported(algorithm, key, run);
  const { described, change } = await objects.create({
    namespace,
    keyId,
    algorithm,
    usage,
    tags: [...new Set(template.tags)],
    description: template.description,
    exportable: exportPolicyName(template.exportable),
    ...life,
    key,
    local: false,
    under: request.keyId,
    sessionKey: template.sessionKey,
  });
  return {
    reply: { keyId, key: keyMessage(described), publicKey: currentPublicKeyPem(described) },
    otherKeyId: keyId,
    version: unwrapping.version,
    change,
  };
});
