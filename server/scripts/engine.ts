/**
 * The hook that an engine implements: prepare a script once, then let it decide, each time from the same beginning.
 *
 * A decision depends on the script and the context alone: an engine gives no clock, no random number, no file, no
 * network, and nothing that an earlier decision left behind.
 */
import type { ScriptDecision, ScriptLimits } from "@keystead/contract/scripts";

export interface Verdict {
  readonly decision: ScriptDecision;
  /** Fuel used, the same for the same script and context on every run. */
  readonly fuel: number;
}

/** Why a script gave no decision. */
export type FailureReason = "fuel" | "stack" | "memory" | "error" | "answer";

/** A script that came to no decision: the request it was asked about is refused. */
export class ScriptFailed extends Error {
  readonly reason: FailureReason;
  /** Fuel used until then, at most what the limit is. */
  readonly fuel: number;

  constructor(reason: FailureReason, message: string, fuel: number) {
    super(message);
    this.name = "ScriptFailed";
    this.reason = reason;
    this.fuel = fuel;
  }
}

export interface Prepared {
  /**
   * @param context JSON, UTF-8
   * @throws {ScriptFailed} whatever else the script does
   */
  decide(context: Uint8Array): Verdict;
  /**
   * Makes ready for the next decision, and forgets the last one's context: work that need not be done before the answer.
   * A decision that comes before it does it first.
   */
  readonly settle?: () => void;
}

export interface Engine {
  /** @throws {ModuleRefused} when the script cannot be run at all, saying why */
  prepare(source: Uint8Array<ArrayBuffer>, limits: ScriptLimits): Prepared;
}
