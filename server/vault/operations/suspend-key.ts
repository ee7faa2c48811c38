import { suspendKey as operation } from "@keystead/contract/operations/suspend-key";
import { moveKey } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Takes an active key out of use until it is resumed. */
export const suspendKey = handler(operation, async ({ namespace, request }, { objects }) =>
  changedKey(
    await objects.alter(operation.name, namespace, request.keyId, (before, now) => moveKey(operation.name, request.keyId, before, now)),
  ),
);
