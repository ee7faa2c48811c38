/**
 * Unseal and Seal as operations: they change the phase, so they stand outside the handlers.
 */
import { HsmError } from "@keystead/contract/errors";
import { seal as sealRow } from "@keystead/contract/operations/seal";
import { unseal as unsealRow } from "@keystead/contract/operations/unseal";
import { copySecret, wipe } from "@keystead/crypto/wipe";
import type { UnsealSecret } from "../objects/hierarchy.ts";
import { handler, type Handler } from "../operations/handler.ts";
import { decodeSecret } from "./secret.ts";

/** What the ceremonies ask of main. */
export interface PhaseChanges {
  /** How this vault is unsealed: as it was made, or as configured when it is yet to be made. */
  method(): "key" | "passphrase";
  /** Opens the vault and lets the monitor know. @throws {HsmError} UNAUTHENTICATED */
  open(secret: UnsealSecret): Promise<void>;
  /** Closes it once everything under way has ended. */
  closeSoon(): void;
}

/** The handlers, by operation number. */
export function phaseCeremonies(changes: PhaseChanges): ReadonlyMap<number, Handler> {
  let opening = false;
  const unseal = handler(unsealRow, async ({ request }) => {
    // The phase turns only when the opening has ended; a second one meanwhile would put a second writer on the log.
    if (opening) throw new HsmError("INVALID_REQUEST", "the vault is being opened");
    opening = true;
    let secret: Buffer | undefined;
    let second: Buffer | undefined;
    try {
      const method = changes.method();
      const given = copySecret(request.secret);
      secret = method === "key" && given.length !== 32 ? decodeSecret(given) : given;
      second = request.hmacKey.length === 0 ? undefined : decodeSecret(copySecret(request.hmacKey));
      if (method === "key" && secret.length !== 32) throw new HsmError("UNAUTHENTICATED", "the vault cannot be opened with this secret");
      await changes.open({ method, secret, second });
      return { reply: { phase: "open" } };
    } finally {
      opening = false;
      wipe(secret, second);
    }
  });
  const seal = handler(sealRow, async () => {
    changes.closeSoon();
    return { reply: { phase: "sealed" } };
  });
  return new Map([
    [unseal.operation.number, unseal as unknown as Handler],
    [seal.operation.number, seal as unknown as Handler],
  ]);
}
