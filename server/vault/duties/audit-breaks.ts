/**
 * Damage of the audit log that others can agree to do without: remembered over restarts, looked at as a whole, and set aside once
 * a quorum agreed.
 *
 * When damage is found the vault stops, and a mark beside the log makes the next start verify everything before it opens. Only
 * when nothing else is wrong than segments that ended, and their genuine lists lead across them, it opens to those who may agree:
 * every record, and with it every user, role, policy and approver key, is then what the log says. It mends nothing by itself.
 *
 * @see docs/design/audit-break.md
 */
import { basename, dirname } from "node:path";
import type { MessageShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { acknowledgeAuditBreak } from "@keystead/contract/operations/acknowledge-audit-break";
import type { FileLayer } from "../audit/file-layer.ts";
import { breakDigest, breakOf, markDamaged, unmarkDamaged } from "../audit/set-aside.ts";
import type { SegmentBreak } from "../audit/verify.ts";
import type { Asked } from "../gate.ts";
import { preparedChange, type Change } from "../objects/change.ts";
import type { AuditBreakControl, FoundBreak } from "../operations/audit-break-control.ts";

export interface AuditBreaksOptions {
  /** Without the archive behind them. */
  readonly files: FileLayer;
  /** Of the log. */
  readonly path: string;
  readonly archiveFolder: string | undefined;
  /** How many others must approve, at least 1. */
  readonly approvals: number;
  /** The event is durable: the vault goes on without so many segments. */
  readonly acknowledged: (segments: number) => void;
}

const anotherBreak = (): HsmError => new HsmError("OBJECT_CHANGED", "this is not the break that was found; look at it with GetAuditBreak");
const DAY_SECONDS = 86_400;
const MARK = Buffer.from("keystead broken 1\n", "latin1");

export class AuditBreaks implements AuditBreakControl {
  readonly #options: AuditBreaksOptions;
  readonly #mark: string;
  #segments: readonly SegmentBreak[] = [];
  #found: FoundBreak | undefined;
  #settingAside = false;

  constructor(options: AuditBreaksOptions) {
    this.#options = options;
    this.#mark = `${options.path}.broken`;
  }

  get approvals(): number {
    return this.#options.approvals;
  }

  /** Whether damage was found, by this start or one before, and nothing that was looked at since says otherwise. */
  get remembered(): boolean {
    const { files } = this.#options;
    return files.list(dirname(this.#mark)).includes(basename(this.#mark));
  }

  /** Damage was found. Whoever can write to the disk can make us forget it, and has what they had: a log that is damaged. */
  remember(): void {
    const { files } = this.#options;
    if (this.remembered) return;
    const file = files.open(this.#mark, "append");
    try {
      file.writeDurableNow(MARK, 0);
    } finally {
      file.close();
    }
    files.syncFolder(dirname(this.#mark));
  }

  /** Nothing that is damaged can be done without. */
  drop(): void {
    this.#segments = [];
    this.#found = undefined;
  }

  /** Everything was looked at, and nothing is damaged that nobody agreed to do without. */
  forget(): void {
    this.drop();
    if (!this.remembered) return;
    const { files } = this.#options;
    files.remove(this.#mark);
    files.syncFolder(dirname(this.#mark));
  }

  /** Everything was looked at, and nothing else is wrong than these. @returns why the vault waits */
  waitsFor(segments: readonly SegmentBreak[]): HsmError {
    this.#segments = segments;
    const described = this.#described();
    const digest = breakDigest(described);
    this.#found = {
      digest,
      segments: segments.map(({ path, sequence, reason }, at) => ({
        ...(described[at] as (typeof described)[number]),
        name: basename(path),
        sequence,
        reason,
      })),
    };
    const events = segments.reduce((total, { first, last }) => total + last - first + 1, 0);
    return new HsmError(
      "INTEGRITY_FAILURE",
      `${segments.length} segment(s) of the audit log with ${events} events are damaged; put the log back, or look with \`keystead audit break\` at what administrators can agree to do without`,
    );
  }

  found(): FoundBreak | undefined {
    return this.#found;
  }

  /** Whatever the rules of approval say: going on needs others. */
  readonly gate = ({ operation, request, raise }: Pick<Asked, "operation" | "request" | "raise">): undefined => {
    if (operation.number !== acknowledgeAuditBreak.number || this.#found === undefined) return undefined;
    // Nobody is asked to agree to what is not there.
    if ((request as MessageShape<typeof acknowledgeAuditBreak.method.input>).digest !== this.#found.digest) throw anotherBreak();
    raise({
      rule: "audit break",
      quorum: this.approvals,
      roles: ["Administrator"],
      expirySeconds: DAY_SECONDS,
      reason: "events of the audit log are lost for good",
    });
    return undefined;
  };

  async acknowledge(digest: string): Promise<{ readonly found: FoundBreak; readonly change: Change }> {
    const found = this.#found;
    const segments = this.#segments;
    if (found === undefined) throw new HsmError("INVALID_REQUEST", "no damage of the audit log waits to be acknowledged");
    if (digest !== found.digest || this.#settingAside) throw anotherBreak();
    if (breakDigest(this.#described()) !== digest)
      throw new HsmError("OBJECT_CHANGED", "a damaged file is another one by now; seal and unseal, so that everything is looked at again");
    this.#settingAside = true;
    try {
      await markDamaged(this.#options, segments);
    } catch (error) {
      this.#settingAside = false;
      throw error;
    }
    const change = preparedChange(
      [],
      () => (this.#settingAside = false),
      () => {
        this.forget();
        this.#options.acknowledged(segments.length);
      },
      () => unmarkDamaged(this.#options, segments),
    );
    return { found, change };
  }

  #described(): ReturnType<typeof breakOf>[] {
    return this.#segments.map((segment) => breakOf(this.#options, segment));
  }
}
