import { rollbackKey as operation } from "@keystead/contract/operations/rollback-key";
import { handler } from "./handler.ts";
import { currentPublicKeyPem, keyMessage } from "./key-message.ts";

/** Makes an older version's material the current version again, under a new number. */
export const rollbackKey = handler(operation, async ({ namespace, request }, { objects }) => {
  const facts = request.reason === "" ? {} : { rotationReason: request.reason };
  const { described, change } = await objects.rollback(namespace, request.keyId, request.version, facts);
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
