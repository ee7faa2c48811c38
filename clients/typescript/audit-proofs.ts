/**
 * Checking offline what the audit log proves: receipts, checkpoints and their continuation, by public keys alone.
 *
 * @example
 * const { receipt } = await keystead.proveAuditEvent({ sequence });
 * checkReceipt(receipt, [parseVerifierKey(key)]);        // throws unless it holds
 */
export { parseCheckpoint, type Checkpoint } from "@keystead/crypto/public/tlog/checkpoint";
export { isSignedBy, parseNote, parseVerifierKey, type VerifierKey } from "@keystead/crypto/public/tlog/note";
export { provesConsistency, provesInclusion } from "@keystead/crypto/public/tlog/proof";
export { checkReceipt, parseReceipt, type ProvenEntry, type Receipt } from "@keystead/crypto/public/tlog/receipt";
