/**
 * The audit log is not what was written: which event is the first that is missing or does not verify, as a number that others
 * can show. Says nothing of records or of checkpoints that name no event.
 */
import { HsmError } from "@keystead/contract/errors";

/** INTEGRITY_FAILURE whose detail names the event too. */
export class LogBreak extends HsmError {
  /** The lowest sequence number that is known to be missing or not to verify, from 1. */
  readonly sequence: number;

  constructor(sequence: number, reason: string) {
    super("INTEGRITY_FAILURE", `audit log: event ${sequence}: ${reason}`);
    this.sequence = sequence;
  }
}
