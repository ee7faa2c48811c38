/**
 * Where the event of a call stands in the audit log, as the answer's header says it: at once, before any checkpoint covers it.
 */

/** Asks for it, and has it. */
export const RECEIPT_HEADER = "x-audit-receipt";

export interface AuditReceipt {
  /** The operation's name. */
  readonly operation: string;
  readonly requestId: string;
  /** Sequence number of the event; `proveAuditEvent` proves it once a checkpoint covers it. */
  readonly sequence: bigint;
  /** SHA-256 of the event, hexadecimal: what the log must have there for ever. */
  readonly eventHash: string;
}

/** What a header says; undefined for one that is none of ours. */
export function readReceipt(
  header: string | null | undefined,
  call: Pick<AuditReceipt, "operation" | "requestId">,
): AuditReceipt | undefined {
  const [, sequence, eventHash] = /^([1-9]\d{0,18}) ([0-9a-f]{64})$/.exec(header ?? "") ?? [];
  return sequence === undefined || eventHash === undefined ? undefined : { ...call, sequence: BigInt(sequence), eventHash };
}
