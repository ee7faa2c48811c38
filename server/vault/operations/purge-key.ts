import { purgeKey as operation } from "@keystead/contract/operations/purge-key";
import { purgeDue } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Destroys what is scheduled and due: the material leaves the store with this very change. */
export const purgeKey = handler(operation, async ({ namespace, request: { keyId, version } }, { objects }) =>
  changedKey(await objects.alter(operation.name, namespace, keyId, (before, now) => purgeDue(keyId, before, version, now))),
);
