/**
 * What is known of the soundness of log and store, and what follows from damage: it is counted, told with what to do about it,
 * and the vault stops. Every way to find damage ends here, so that none stops the vault without being counted and told.
 *
 * It mends nothing, and nothing lifts a stop but a seal or a new start, which look again.
 */
import { asHsmError, HsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import { LogBreak } from "../audit/log-break.ts";

/** What an operator does about damage, in order; docs/operate/troubleshooting.md "Integrity failure" has it at length. */
export const DAMAGE_STEPS: readonly string[] = [
  "Tell the administrators of the vault, and stop the server.",
  "Copy the data folder and the audit log as they are, before anything else; never edit or delete a part of them.",
  "Let `keystead store verify` name everything that is wrong.",
  "Put back the store and the log that belong together, or the last backup, and start the server.",
];

export interface IntegrityParts {
  readonly log: Pick<Logger, "error">;
  /** Told once for each finding. */
  readonly count: () => void;
  /** Nothing is done from now on. */
  readonly stop: (reason: HsmError) => void;
}

export class Integrity {
  readonly #parts: IntegrityParts;
  #state = "not verified yet";
  #firstBad = 0;
  #damaged = false;

  constructor(parts: IntegrityParts) {
    this.#parts = parts;
  }

  /** In words, for people. */
  get state(): string {
    return this.#state;
  }

  /** The lowest sequence number that does not verify; 0 = none is known. */
  get firstBadSequence(): number {
    return this.#firstBad;
  }

  /** Empty while no damage is known. */
  get steps(): readonly string[] {
    return this.#damaged ? DAMAGE_STEPS : [];
  }

  /** The vault could be opened, and is verified from the beginning. */
  begin(): void {
    this.#state = "verifying";
    this.#firstBad = 0;
    this.#damaged = false;
  }

  /** What is to be said while no damage is known, such as how far a verification is. */
  progress(state: string): void {
    if (!this.#damaged) this.#state = state;
  }

  /** A verification has ended. @param problems one line each; none = all is well */
  ended(problems: readonly string[], firstBad: number | undefined): void {
    if (problems.length === 0) this.progress("verified");
    else this.#damage(problems, firstBad);
  }

  /** Damage counts and stops, whatever else was thrown passes. @returns what was thrown, to be thrown on */
  met(error: unknown): HsmError {
    const known = asHsmError(error);
    if (known.code === "INTEGRITY_FAILURE") this.damaged(known);
    return known;
  }

  /** Something met damage. @param error INTEGRITY_FAILURE */
  damaged(error: HsmError): void {
    this.#damage([error.detail], error instanceof LogBreak ? error.sequence : undefined, error);
  }

  #damage(problems: readonly string[], firstBad: number | undefined, reason?: HsmError): void {
    const { log, count, stop } = this.#parts;
    // What was found first is why the vault stopped.
    if (!this.#damaged) this.#state = `broken: ${problems[0]}`;
    this.#damaged = true;
    if (firstBad !== undefined && (this.#firstBad === 0 || firstBad < this.#firstBad)) this.#firstBad = firstBad;
    for (const problem of problems) {
      count();
      log.error("integrity violation", { problem });
    }
    log.error("the vault does nothing from now on", {
      ...(this.#firstBad === 0 ? {} : { firstBadSequence: this.#firstBad }),
      steps: DAMAGE_STEPS.join(" "),
    });
    stop(reason ?? new HsmError("INTEGRITY_FAILURE", problems[0] as string));
  }
}
