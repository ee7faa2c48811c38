import { setAttributes as operation } from "@keystead/contract/operations/set-attributes";
import { withAttributes } from "../objects/attribute-values.ts";
import { attributesOf } from "./attribute-message.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Writes attributes, as far as the attribute table and the key's state permit. */
export const setAttributes = handler(operation, async ({ namespace, request }, { objects }) => {
  const { keyId } = request;
  const wanted = attributesOf(request.attributes);
  return changedKey(await objects.edit(namespace, keyId, (before, now) => ({ attributes: withAttributes(keyId, before, wanted, now) })));
});
