/**
 * One look at everything: log and store of an open vault, with checkpoints and tree, as the start and the duty after it take it.
 */
import type { Logger } from "@keystead/contract/logging";
import type { FileLayer } from "../audit/file-layer.ts";
import type { SegmentBreak } from "../audit/verify.ts";
import type { OpenVault } from "../ceremonies/unseal.ts";
import { recordMacKeysOf } from "../objects/hierarchy.ts";
import type { Store } from "../stores/store.ts";
import { verifyEverything, type PassReport } from "./verify-everything.ts";

export interface VerificationOptions {
  readonly files: FileLayer;
  readonly auditPath: string;
  readonly store: Store;
  /** The vault is still the one that is open, or is being opened. */
  readonly wanted: () => boolean;
  /** How far it is, in words. */
  readonly progress: (state: string) => void;
  /** Told of damaged segments that their lists lead across; left out = the first ends the verification. */
  readonly onBreak?: (found: SegmentBreak) => void;
  readonly log: Logger;
}

/** @returns what was found; undefined when the vault is not wanted any more */
export async function verifyVault(vault: OpenVault, options: VerificationOptions): Promise<PassReport | undefined> {
  const { files, auditPath, store, wanted, progress, onBreak, log } = options;
  const upTo = vault.log.sequence;
  const mender = vault.tree.mender();
  const report = await verifyEverything({
    files,
    auditPath,
    store,
    auditMacKey: vault.hierarchy.auditMacKey,
    recordMacKeys: () => recordMacKeysOf(vault.hierarchy),
    upTo,
    anchors: vault.log.anchors(),
    evidence: {
      checkpoints: vault.checkpoints.all(),
      checkpointKey: vault.checkpoints.key.publicKey,
      onEvent: mender.take,
      ...(onBreak === undefined ? {} : { onBreak }),
    },
    pause(events) {
      if (events !== undefined && wanted()) progress(`verifying: ${events} of ${upTo} events`);
      return new Promise((resolve) => setImmediate(resolve));
    },
  });
  if (!wanted()) return undefined;
  const mended = mender.finish();
  if (mended > 0) log.warn("files of the audit log's tree were made again", { hashes: mended });
  return report;
}
