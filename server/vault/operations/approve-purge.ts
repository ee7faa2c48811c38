import { approvePurge as operation } from "@keystead/contract/operations/approve-purge";
import { approve } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Confirms a destruction that the server has asked for; until the grace period ends it can still be cancelled. */
export const approvePurge = handler(operation, async ({ namespace, principal, request: { keyId, version } }, { objects, destruction }) =>
  changedKey(
    await objects.alter(operation.name, namespace, keyId, (before, now) =>
      approve(keyId, before, version, { by: principal.id, at: now + destruction.graceSeconds * 1000 }, now),
    ),
  ),
);
