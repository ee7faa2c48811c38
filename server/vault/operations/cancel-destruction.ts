import { cancelDestruction as operation } from "@keystead/contract/operations/cancel-destruction";
import { cancelDestruction as cancelled } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Returns a key, or an older version, to the state it had before its destruction was scheduled. */
export const cancelDestruction = handler(operation, async ({ namespace, request: { keyId, version } }, { objects }) =>
  changedKey(await objects.alter(operation.name, namespace, keyId, (before, now) => cancelled(keyId, before, version, now))),
);
