import { destroyKey as operation } from "@keystead/contract/operations/destroy-key";
import { HsmError } from "@keystead/contract/errors";
import { scheduleDestruction } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Schedules a destruction. Until it is due nothing is lost, and nothing can be used. */
export const destroyKey = handler(operation, async ({ namespace, request }, { objects, destruction }) => {
  const { keyId, version, needsApproval, delaySeconds = destruction.delaySeconds } = request;
  if (!needsApproval && delaySeconds < destruction.minDelaySeconds)
    throw new HsmError(
      "INVALID_REQUEST",
      `delay_seconds: must be at least ${destruction.minDelaySeconds} (lifecycle.min_destruction_delay_seconds)`,
    );
  return changedKey(
    await objects.alter(operation.name, namespace, keyId, (before, now) =>
      scheduleDestruction(keyId, before, version, needsApproval ? undefined : now + delaySeconds * 1000, now, request.reason),
    ),
  );
});
