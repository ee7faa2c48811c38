import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { generateKey as operation } from "@keystead/contract/operations/generate-key";
import { handler } from "./handler.ts";
import { currentPublicKeyPem, exportPolicyName, keyMessage } from "./key-message.ts";
import { rotationRules } from "./rotation-message.ts";
import { newKeyId, newKeyLife, newKeySize, newKeyUsage } from "./new-key.ts";

/** Makes a key; it is usable when the reply leaves, and its making is in the log before that. */
export const generateKey = handler(operation, async ({ namespace, request, run }, { objects, provider }) => {
  const algorithm = algorithmName(request.algorithm);
  if (algorithm === undefined) throw new HsmError("INVALID_REQUEST", "algorithm is missing");
  const usage = newKeyUsage(algorithm, request.usage);
  const life = newKeyLife(algorithm, request, objects.now());
  const keyId = newKeyId(request);
  const sizeBytes = request.sizeBytes === 0 ? undefined : newKeySize(algorithm, request.sizeBytes);
  // Looked at before the work of making a key; the creation itself checks again under the object's lock.
  await objects.describeNamespace(namespace);
  const key = await provider.generate(algorithm, run, sizeBytes);
  const { described, change } = await objects.create({
    namespace,
    keyId,
    algorithm,
    usage,
    tags: [...new Set(request.tags)],
    description: request.description,
    exportable: exportPolicyName(request.exportable),
    ...life,
    ...(request.rotationPolicy === undefined ? {} : { rotation: rotationRules(request.rotationPolicy) }),
    key,
    local: true,
    sessionKey: request.sessionKey,
  });
  return { reply: { keyId, key: keyMessage(described), publicKey: currentPublicKeyPem(described) }, keyId, version: 1, change };
});
