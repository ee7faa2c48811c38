/**
 * The duty that takes the steps of a key's life which nobody has to ask for: activation and deactivation by date,
 * destruction when it is due, and what rotation policies and retention
 * classes ask for. It goes through the monitor like everybody: each step is decided on and recorded, and one
 * that is refused stays undone.
 *
 * It must never act on what it read itself: the operation looks at the key again, under the key's lock.
 */
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { RevocationReason } from "@keystead/contract/generated/hsm/hsm_pb";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { activateKey } from "@keystead/contract/operations/activate-key";
import { deactivateKey } from "@keystead/contract/operations/deactivate-key";
import { destroyKey } from "@keystead/contract/operations/destroy-key";
import { revokeKey } from "@keystead/contract/operations/revoke-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { purgeKey } from "@keystead/contract/operations/purge-key";
import type { DueStep } from "../objects/due.ts";
import type { Objects } from "../objects/objects.ts";
import type { RetentionLedger } from "./retention-ledger.ts";

/** Performs an operation as the duty's own principal: the monitor's entrance. */
export type Perform = <I extends DescMessage>(operation: Operation<I>, request: MessageShape<I>) => Promise<unknown>;

const address = ({ namespace, keyId, version }: { namespace: string; keyId: string; version: number }) => ({ namespace, keyId, version });

const request: Readonly<
  Record<
    Exclude<DueStep["operation"], "notice" | "attest">,
    (perform: Perform, key: { namespace: string; keyId: string; version: number; reason?: string }) => Promise<unknown>
  >
> = Object.freeze({
  ActivateKey: (perform, { namespace, keyId }) => perform(activateKey, create(activateKey.method.input, { namespace, keyId })),
  DeactivateKey: (perform, { namespace, keyId }) => perform(deactivateKey, create(deactivateKey.method.input, { namespace, keyId })),
  RotateKey: (perform, { namespace, keyId }) =>
    perform(rotateKey, create(rotateKey.method.input, { namespace, keyId, reason: "rotation policy" })),
  RevokeKey: (perform, key) =>
    perform(
      revokeKey,
      create(revokeKey.method.input, { ...address(key), reason: RevocationReason.SUPERSEDED, comment: "rotation policy" }),
    ),
  // Nobody asked for the end of this version: it waits for somebody who does.
  DestroyKey: (perform, key) =>
    perform(destroyKey, create(destroyKey.method.input, { ...address(key), needsApproval: true, reason: key.reason ?? "" })),
  PurgeKey: (perform, key) => perform(purgeKey, create(purgeKey.method.input, address(key))),
});

/** Writes the ledger's line for a key that was destroyed after somebody's approval. */
async function attest(
  objects: Objects,
  ledger: RetentionLedger,
  { namespace, keyId }: { namespace: string; keyId: string },
): Promise<void> {
  const { destruction, revocation } = (await objects.describe(namespace, keyId)).attributes;
  if (destruction === undefined) return;
  const text = (time: number | undefined): string => (time === undefined ? "" : new Date(time).toISOString());
  ledger.append({
    namespace,
    key: keyId,
    reason: destruction.reason,
    approved_by: destruction.approvedBy,
    revoked_at: text(revocation?.time),
    destroyed_at: text(destruction.destroyedAt),
  });
  objects.noticed(namespace, keyId, 0);
}

/**
 * Takes every step that is due.
 *
 * @param wanted asked before each step: false once the vault is being closed
 * @returns how many were taken
 */
export async function takeDueSteps(
  objects: Objects,
  perform: Perform,
  ledger: RetentionLedger,
  log: Logger,
  wanted: () => boolean,
): Promise<number> {
  let taken = 0;
  for (const step of await objects.due()) {
    if (!wanted()) return taken;
    if (step.operation === "notice") {
      const { namespace, keyId, version } = step;
      log.warn("a key will soon be rotated", { namespace, key: keyId, version });
      objects.noticed(namespace, keyId, version);
      continue;
    }
    try {
      if (step.operation === "attest") {
        await attest(objects, ledger, step);
        continue;
      }
      await request[step.operation](perform, step);
      taken += 1;
    } catch (error) {
      const { code, detail } = asHsmError(error);
      log.warn("a due step of a key's life was refused", {
        operation: step.operation,
        namespace: step.namespace,
        key: step.keyId,
        version: step.version,
        code,
        detail,
      });
    }
  }
  return taken;
}
