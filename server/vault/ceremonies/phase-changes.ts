/**
 * Unseal, Seal and RekeyVault as operations: they change the phase or the vault's own keys, so they stand outside the
 * handlers.
 */
import { HsmError } from "@keystead/contract/errors";
import { rekeyVault as rekeyRow } from "@keystead/contract/operations/rekey-vault";
import { seal as sealRow } from "@keystead/contract/operations/seal";
import { unseal as unsealRow } from "@keystead/contract/operations/unseal";
import { copySecret, wipe } from "@keystead/crypto/wipe";
import type { UnsealSecret } from "../objects/hierarchy.ts";
import { handler, type Handler } from "../operations/handler.ts";
import type { Rekeying } from "./rekey.ts";
import { decodeSecret } from "./secret.ts";

/** What the ceremonies ask of main. */
export interface PhaseChanges {
  /** How this vault is unsealed: as it was made, or as configured when it is yet to be made. */
  method(): "key" | "passphrase";
  /** Opens the vault and lets the monitor know. @throws {HsmError} UNAUTHENTICATED */
  open(secret: UnsealSecret): Promise<void>;
  /** What the phase is after {@link open}; left out = open. */
  phase?(): string;
  /** What rekeys the open vault. */
  rekeying?(): Rekeying | undefined;
  /** Checks a passphrase that is to open the vault from now on. @throws {HsmError} INVALID_REQUEST */
  acceptPassphrase?(passphrase: Buffer): void;
  /** A rekey has begun: somebody must go on with it. */
  rekeyBegun?(): void;
  /** Closes it once everything under way has ended. */
  closeSoon(): void;
}

/** A secret as a request carries it: copied, decoded where it is text. The caller wipes it. */
function secretOf(method: "key" | "passphrase", given: Uint8Array, second: Uint8Array): UnsealSecret {
  const copy = copySecret(given);
  return {
    method,
    secret: method === "key" && copy.length !== 32 ? decodeSecret(copy) : copy,
    second: second.length === 0 ? undefined : decodeSecret(copySecret(second)),
  };
}

const progressMessage = ({ progress: { generation, complete, recordsRenewed, records } }: Rekeying) => ({
  generation,
  complete,
  recordsRenewed: BigInt(recordsRenewed),
  records: BigInt(records),
});

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
      return { reply: { phase: changes.phase?.() ?? "open" } };
    } finally {
      opening = false;
      wipe(secret, second);
    }
  });
  const seal = handler(sealRow, async () => {
    changes.closeSoon();
    return { reply: { phase: "sealed" } };
  });
  const rekey = handler(rekeyRow, async ({ request }) => {
    const rekeying = changes.rekeying?.();
    if (rekeying === undefined) throw new HsmError("VAULT_SEALED", "the vault is sealed");
    if (request.secret.length === 0) {
      if (request.newSecret.length > 0 || request.hmacKey.length > 0) throw new HsmError("INVALID_REQUEST", "secret: it is missing");
      const change = await rekeying.step();
      return { reply: { progress: progressMessage(rekeying) }, ...(change === undefined ? {} : { change }) };
    }
    if (request.newSecret.length === 0 && (request.newHmacKey.length > 0 || request.newMethod !== ""))
      throw new HsmError("INVALID_REQUEST", "new_secret: it is missing");
    let secret: UnsealSecret | undefined;
    let next: UnsealSecret | undefined;
    try {
      const method = changes.method();
      secret = secretOf(method, request.secret, request.hmacKey);
      if (request.newSecret.length > 0) {
        next = secretOf(
          request.newMethod === "" ? method : (request.newMethod as UnsealSecret["method"]),
          request.newSecret,
          request.newHmacKey,
        );
        if (next.method === "passphrase") changes.acceptPassphrase?.(next.secret);
        else if (next.secret.length !== 32) throw new HsmError("INVALID_REQUEST", "new_secret: it must be 32 bytes");
      }
      await rekeying.begin(secret, next);
      changes.rekeyBegun?.();
      return { reply: { progress: progressMessage(rekeying) } };
    } finally {
      wipe(secret?.secret, secret?.second, next?.secret, next?.second);
    }
  });
  return new Map([
    [rekey.operation.number, rekey as unknown as Handler],
    [unseal.operation.number, unseal as unknown as Handler],
    [seal.operation.number, seal as unknown as Handler],
  ]);
}
