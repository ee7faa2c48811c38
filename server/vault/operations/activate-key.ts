import { activateKey as operation } from "@keystead/contract/operations/activate-key";
import { moveKey } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Makes a staged key usable; now becomes its start date. */
export const activateKey = handler(operation, async ({ namespace, request }, { objects }) =>
  changedKey(
    await objects.alter(operation.name, namespace, request.keyId, (before, now) => moveKey(operation.name, request.keyId, before, now)),
  ),
);
