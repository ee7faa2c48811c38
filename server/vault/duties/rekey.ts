/**
 * The duty that goes on with a rekey until every record is under the new keys: after it was begun, and after each start
 * that finds one under way. Each step goes through the monitor and is recorded with the digests it makes.
 */
import { create } from "@bufbuild/protobuf";
import { setTimeout as sleep } from "node:timers/promises";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import { rekeyVault } from "@keystead/contract/operations/rekey-vault";
import type { Perform } from "./lifecycle.ts";

const RETRY_MS = 1_000;

/**
 * Steps until `complete` says so.
 *
 * @param wanted asked before each step: false once the vault is being closed
 */
export async function finishRekey(complete: () => boolean, perform: Perform, log: Logger, wanted: () => boolean): Promise<void> {
  while (wanted() && !complete()) {
    try {
      await perform(rekeyVault, create(rekeyVault.method.input, {}));
      // Requests first: each step holds some objects for the length of a commit.
      await new Promise<void>((resolve) => setImmediate(resolve));
    } catch (error) {
      const { code, detail } = asHsmError(error);
      log.warn("a step of the rekey failed", { code, detail });
      if (code === "INTEGRITY_FAILURE") return;
      await sleep(RETRY_MS, undefined, { ref: false });
    }
  }
  if (wanted() && complete()) log.info("every record is under the new keys");
}
