import { deactivateKey as operation } from "@keystead/contract/operations/deactivate-key";
import { moveKey } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Ends the active life of a key; now becomes its end date. */
export const deactivateKey = handler(operation, async ({ namespace, request }, { objects }) =>
  changedKey(
    await objects.alter(operation.name, namespace, request.keyId, (before, now) => moveKey(operation.name, request.keyId, before, now)),
  ),
);
