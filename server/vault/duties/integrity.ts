/**
 * What is known of the soundness of log and store, and what follows from damage: it is counted, told with what to do about it,
 * and the vault stops. Every way to find damage ends here, so that none stops the vault without being counted and told.
 *
 * It mends nothing, and nothing lifts a stop but a seal or a new start, which look again.
 */
import { asHsmError, HsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import { LogBreak } from "../audit/log-break.ts";

const verifiedBut = (setAside: number): string =>
  setAside === 0
    ? "verified"
    : `verified, but for ${setAside} damaged segment(s) of the audit log that administrators agreed to do without`;

/** What an operator does about damage, in order; docs/operate/troubleshooting.md "Integrity failure" has it at length. */
export const DAMAGE_STEPS: readonly string[] = [
  "Tell the administrators of the vault, and stop the server.",
  "Copy the data folder and the audit log as they are, before anything else; never edit or delete a part of them.",
  "Let `keystead store verify` name everything that is wrong.",
  "Put back the store and the log that belong together, or the last backup, and start the server.",
  "Where no whole copy of the log is left, start the server nevertheless: it looks at everything before it opens, and `keystead audit break` says whether administrators can agree to go on without the damaged part.",
];

/** What an operator does when all that is damaged can be done without. */
export const BREAK_STEPS: readonly string[] = [
  "If a whole copy of the damaged files is left anywhere, stop the server, put it back, and start the server.",
  "Otherwise look at what is damaged with `keystead audit break`, and copy those files elsewhere.",
  "An administrator asks to go on without them: `keystead audit acknowledge DIGEST --reason TEXT`.",
  "Other administrators approve with `keystead approvals approve ID`; the vault works once enough of them did.",
];

export interface IntegrityParts {
  readonly log: Pick<Logger, "error">;
  /** Told once for each finding. */
  readonly count: () => void;
  /** Nothing is done from now on. */
  readonly stop: (reason: HsmError) => void;
  /** Damage was found: the next start has to look at everything first. */
  readonly remember: () => void;
}

export class Integrity {
  readonly #parts: IntegrityParts;
  #state = "not verified yet";
  #firstBad = 0;
  #damaged = false;
  #steps = DAMAGE_STEPS;

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
    return this.#damaged ? this.#steps : [];
  }

  /** The vault could be opened, and is verified from the beginning. */
  begin(): void {
    this.#state = "verifying";
    this.#firstBad = 0;
    this.#damaged = false;
    this.#steps = DAMAGE_STEPS;
  }

  /** What is to be said while no damage is known, such as how far a verification is. */
  progress(state: string): void {
    if (!this.#damaged) this.#state = state;
  }

  /**
   * A verification has ended.
   *
   * @param problems one line each; none = all is well
   * @param setAside segments that are not read because others agreed to that
   */
  ended(problems: readonly string[], firstBad: number | undefined, setAside = 0): void {
    if (problems.length === 0) this.progress(verifiedBut(setAside));
    else this.#damage(problems, firstBad);
  }

  /** A verification has ended, and all that is damaged can be done without if others agree: the vault waits, and is not stopped. */
  waits(problems: readonly string[], firstBad: number): void {
    this.#steps = BREAK_STEPS;
    this.#found(problems, firstBad);
    this.#parts.log.error("the vault waits for administrators", { firstBadSequence: this.#firstBad, steps: BREAK_STEPS.join(" ") });
  }

  /** Others agreed to go on without so many segments. */
  acknowledged(segments: number): void {
    this.begin();
    this.#state = verifiedBut(segments);
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
    const { log, stop } = this.#parts;
    this.#steps = DAMAGE_STEPS;
    this.#found(problems, firstBad);
    log.error("the vault does nothing from now on", {
      ...(this.#firstBad === 0 ? {} : { firstBadSequence: this.#firstBad }),
      steps: DAMAGE_STEPS.join(" "),
    });
    stop(reason ?? new HsmError("INTEGRITY_FAILURE", problems[0] as string));
  }

  #found(problems: readonly string[], firstBad: number | undefined): void {
    const { log, count, remember } = this.#parts;
    // What was found first is why the vault stopped.
    if (!this.#damaged) this.#state = `broken: ${problems[0]}`;
    this.#damaged = true;
    if (firstBad !== undefined && (this.#firstBad === 0 || firstBad < this.#firstBad)) this.#firstBad = firstBad;
    for (const problem of problems) {
      count();
      log.error("integrity violation", { problem });
    }
    try {
      remember();
    } catch (error) {
      log.error("that damage was found could not be remembered", {}, error);
    }
  }
}
