/**
 * What handlers may ask about damage of the audit log.
 */
import type { EventBreak } from "../audit/event.ts";
import type { Change } from "../objects/change.ts";

/** A segment whose lines do not verify, while all that is behind it does. */
export interface DamagedSegment extends EventBreak {
  /** The file's name. */
  readonly name: string;
  /** The first event that does not verify. */
  readonly sequence: number;
  readonly reason: string;
}

/** All that is damaged of the log, when nothing else of log and store is. */
export interface FoundBreak {
  /** SHA-256, hexadecimal: names exactly this. */
  readonly digest: string;
  readonly segments: readonly DamagedSegment[];
}

export interface AuditBreakControl {
  /** How many others must approve. */
  readonly approvals: number;
  /** Undefined: nothing is damaged, or what is cannot be done without, or the whole was not looked at yet. */
  found(): FoundBreak | undefined;
  /**
   * Sets the damaged segments aside; the change has no record but the event, and the vault works once that is durable.
   *
   * @throws {HsmError} INVALID_REQUEST nothing waits to be acknowledged; OBJECT_CHANGED it is another break, or a file changed
   */
  acknowledge(digest: string): Promise<{ readonly found: FoundBreak; readonly change: Change }>;
}
