/**
 * The duty that takes the steps of a key's life which nobody has to ask for: activation and deactivation by date, and
 * destruction when it is due. It goes through the monitor like everybody: each step is decided on and recorded, and one
 * that is refused stays undone.
 *
 * It must never act on what it read itself: the operation looks at the key again, under the key's lock.
 */
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { activateKey } from "@keystead/contract/operations/activate-key";
import { deactivateKey } from "@keystead/contract/operations/deactivate-key";
import { purgeKey } from "@keystead/contract/operations/purge-key";
import type { DueStep } from "../objects/due.ts";
import type { Objects } from "../objects/objects.ts";

/** Performs an operation as the duty's own principal: the monitor's entrance. */
export type Perform = <I extends DescMessage>(operation: Operation<I>, request: MessageShape<I>) => Promise<unknown>;

const request: Readonly<
  Record<DueStep["operation"], (perform: Perform, key: { namespace: string; keyId: string; version: number }) => Promise<unknown>>
> = Object.freeze({
  ActivateKey: (perform, { namespace, keyId }) => perform(activateKey, create(activateKey.method.input, { namespace, keyId })),
  DeactivateKey: (perform, { namespace, keyId }) => perform(deactivateKey, create(deactivateKey.method.input, { namespace, keyId })),
  PurgeKey: (perform, key) => perform(purgeKey, create(purgeKey.method.input, key)),
});

/**
 * Takes every step that is due.
 *
 * @param wanted asked before each step: false once the vault is being closed
 * @returns how many were taken
 */
export async function takeDueSteps(objects: Objects, perform: Perform, log: Logger, wanted: () => boolean): Promise<number> {
  let taken = 0;
  for (const step of await objects.due()) {
    if (!wanted()) return taken;
    try {
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
