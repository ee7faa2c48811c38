/**
 * When log and store are looked at as a whole, and what follows: before a vault opens in which damage was found, and in the
 * background after every other opening.
 */
import { HsmError } from "@keystead/contract/errors";
import type { SegmentBreak } from "../audit/verify.ts";
import type { OpenVault } from "../ceremonies/unseal.ts";
import type { AuditBreaks } from "./audit-breaks.ts";
import type { Integrity } from "./integrity.ts";
import { verifyVault, type VerificationOptions } from "./verification.ts";
import type { PassReport } from "./verify-everything.ts";

export interface SoundnessOptions extends Pick<VerificationOptions, "files" | "auditPath" | "store" | "log"> {
  readonly integrity: Integrity;
  readonly breaks: AuditBreaks;
  /** The vault is the one that is open. */
  readonly isOpen: (vault: OpenVault) => boolean;
}

/** What a look before the opening found. */
export interface Examination {
  readonly report: PassReport;
  /** Damaged segments that their lists lead across. */
  readonly segments: readonly SegmentBreak[];
}

export class Soundness {
  readonly #options: SoundnessOptions;

  constructor(options: SoundnessOptions) {
    this.#options = options;
  }

  /** Looks at everything where damage was found before, or is seen at once; undefined where nothing speaks of any. */
  async examine(vault: OpenVault): Promise<Examination | undefined> {
    const { breaks, integrity, log } = this.#options;
    if (!breaks.remembered && !vault.lost) return undefined;
    log.warn("damage was found before: log and store are verified before the vault opens");
    const segments: SegmentBreak[] = [];
    const report = await verifyVault(vault, {
      ...this.#options,
      wanted: () => true,
      progress: (state) => integrity.progress(state),
      onBreak: (found) => segments.push(found),
    });
    return { report: report as PassReport, segments };
  }

  /** What follows from an examination. @returns why the vault waits for administrators, when that is all */
  judge({ report, segments }: Examination): HsmError | undefined {
    const { breaks, integrity } = this.#options;
    const [first] = segments;
    const told = segments.map(({ sequence, reason }) => `audit log: event ${sequence}: ${reason}`);
    if (report.problems.length === 0 && first !== undefined) {
      integrity.waits(told, first.sequence);
      return breaks.waitsFor(segments);
    }
    integrity.ended([...told, ...report.problems], first?.sequence ?? report.log.firstBad, report.log.setAside.length);
    if (report.problems.length > 0) breaks.drop();
    else {
      breaks.forget();
      this.#tellVerified(report);
    }
    return undefined;
  }

  /** Looks at everything while the vault works. Damage stops it, and so does a look that could not be finished. */
  async watch(vault: OpenVault): Promise<void> {
    const { integrity, isOpen, log } = this.#options;
    try {
      const wanted = (): boolean => isOpen(vault);
      const report = await verifyVault(vault, { ...this.#options, wanted, progress: (state) => integrity.progress(state) });
      if (report === undefined) return;
      integrity.ended(report.problems, report.log.firstBad, report.log.setAside.length);
      if (report.problems.length === 0) this.#tellVerified(report);
    } catch (error) {
      log.error("the verification of log and store could not be finished", {}, error);
      if (!isOpen(vault)) return;
      integrity.damaged(new HsmError("INTEGRITY_FAILURE", "log and store could not be verified; see the server log", { cause: error }));
    }
  }

  #tellVerified({ log: { events }, records }: PassReport): void {
    this.#options.log.info("log and store verified", { events, records });
  }
}
