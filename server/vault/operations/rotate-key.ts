import { rotateKey as operation } from "@keystead/contract/operations/rotate-key";
import { HsmError } from "@keystead/contract/errors";
import { timeOf } from "./attribute-message.ts";
import { handler } from "./handler.ts";
import { currentPublicKeyPem, keyMessage } from "./key-message.ts";

/** Makes a new current version. The id stays; `new_key_id` says which version it is now. */
export const rotateKey = handler(operation, async ({ namespace, request, run }, { objects, provider }) => {
  const expiresAt = timeOf(request.expiresAt);
  if (expiresAt !== undefined && expiresAt <= objects.now()) throw new HsmError("INVALID_REQUEST", "expires_at: must lie ahead");
  const { described, change } = await objects.rotate(
    namespace,
    request.keyId,
    (algorithm, sizeBytes) => provider.generate(algorithm, run, sizeBytes),
    {
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(request.reason === "" ? {} : { rotationReason: request.reason }),
      ...(request.complianceRequirement === "" ? {} : { complianceRequirement: request.complianceRequirement }),
    },
  );
  const version = described.attributes.current;
  return {
    reply: {
      keyId: request.keyId,
      newKeyId: `${request.keyId}@v${version}`,
      key: keyMessage(described),
      publicKey: currentPublicKeyPem(described),
    },
    version,
    change,
  };
});
