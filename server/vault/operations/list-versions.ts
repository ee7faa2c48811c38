import { listVersions as operation } from "@keystead/contract/operations/list-versions";
import { handler } from "./handler.ts";
import { versionMessages } from "./key-message.ts";

/** Every version there ever was, the newest first. */
export const listVersions = handler(operation, async ({ namespace, request }, { objects }) => {
  const described = await objects.describe(namespace, request.keyId);
  const { current } = described.attributes;
  return { reply: { keyId: request.keyId, current, versions: versionMessages(described).reverse() }, version: current };
});
