import { whoAmI as operation } from "@keystead/contract/operations/who-am-i";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { handler } from "./handler.ts";

/** Who the caller is, and what they may do. */
export const whoAmI = handler(operation, async ({ principal }) => {
  const { id, method, roles, permissions, namespaces, defaultNamespace, session, mfaAt, validUntil } = principal;
  return {
    reply: {
      principal: id,
      method,
      roles: [...roles],
      namespaces: namespaces === "all" ? [] : [...namespaces],
      allNamespaces: namespaces === "all",
      defaultNamespace,
      permissions: [...permissions],
      sessionId: session?.id ?? "",
      ...(mfaAt === undefined ? {} : { mfaAt: timestampFromMs(mfaAt) }),
      // Who needs not prove themselves again has no end.
      ...(validUntil === Number.MAX_SAFE_INTEGER ? {} : { validUntil: timestampFromMs(validUntil) }),
    },
  };
});
