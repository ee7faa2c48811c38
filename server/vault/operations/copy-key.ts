import { HsmError } from "@keystead/contract/errors";
import { ExportPolicy } from "@keystead/contract/generated/hsm/hsm_pb";
import { copyKey as operation } from "@keystead/contract/operations/copy-key";
import { attributesOf } from "./attribute-message.ts";
import { grantOf, handler } from "./handler.ts";
import { currentPublicKeyPem, exportPolicyName, keyMessage } from "./key-message.ts";
import { firstState, newKeyId } from "./new-key.ts";
import { usageNames } from "./usage-names.ts";

/** The most tags a key can have. */
const MAX_TAGS = 64;

/** Another key of the same material. What the request leaves out is as it is of the first; nothing becomes looser. */
export const copyKey = handler(operation, async (invocation, { objects }) => {
  const { namespace, request } = invocation;
  const { usage, tags, description, exportable, sessionKey } = request;
  const keyId = newKeyId({ keyId: request.newKeyId, sessionKey });
  const { described, change } = await objects.copy(grantOf(invocation), {
    namespace,
    keyId,
    ...(usage.length === 0 ? {} : { usage: usageNames(usage) }),
    tags,
    description,
    ...(exportable === ExportPolicy.UNSPECIFIED ? {} : { exportable: exportPolicyName(exportable) }),
    attributes: attributesOf(request.attributes),
    state: firstState(request.state),
    sessionKey,
  });
  if (described.attributes.tags.length > MAX_TAGS) {
    change.settle(false);
    throw new HsmError("INVALID_REQUEST", `tags: a key has at most ${MAX_TAGS}`);
  }
  return {
    reply: { keyId, key: keyMessage(described), publicKey: currentPublicKeyPem(described) },
    otherKeyId: keyId,
    version: 1,
    change,
  };
});
