/**
 * Streams of the audit log that are open: what each follows, and how far it is.
 *
 * A stream is opened by a recorded request and is its caller's alone, by principal and request id. It shows nothing by
 * itself: who asks for more of it is looked at anew each time (monitor.ts), and says what is hidden now. Streams are
 * bounded in number, each holds one pull of lines at most, and one that nobody asks for ends.
 */
import { HsmError } from "@keystead/contract/errors";
import { parseLine, type ParsedLine } from "./event.ts";
import { shows, type AuditFilter, type Hidden } from "./audit-filter.ts";
import type { FollowedLine, Follower } from "./follow.ts";

/** What a stream shows next. */
export interface StreamPage {
  readonly events: readonly ParsedLine[];
  /** Every line up to this one was looked at. */
  readonly sequence: number;
  /** It has shown what it was to show. */
  readonly complete: boolean;
}

export interface StreamWish {
  readonly principal: string;
  readonly requestId: string;
  readonly filter: AuditFilter;
  /** Undefined: from now on. */
  readonly after: number | undefined;
  /** Ends with what there is when it is opened. */
  readonly untilNow: boolean;
  /** Kept for whoever decides again whether it may go on. */
  readonly request: unknown;
}

export interface AuditStreamsOptions {
  readonly log: { readonly sequence: number; follow(after: number): Follower };
  /** Streams at once, at most. */
  readonly most: number;
  /** And for one principal; one eighth of all, and at least one, when left out. */
  readonly mostEach?: number;
  readonly now: () => number;
}

/** Lines that are looked at for one answer. */
const PULL_LINES = 256;
/** A stream that nobody asked for in this time has ended. */
const FORGET_MS = 60_000;

export class AuditStreams {
  readonly #options: AuditStreamsOptions;
  readonly #streams = new Map<string, AuditStream>();

  constructor(options: AuditStreamsOptions) {
    this.#options = options;
  }

  /** Streams that are open. */
  get count(): number {
    return this.#streams.size;
  }

  /**
   * Opens a stream, in the place of one of the same name, and gives its first page.
   *
   * @throws {HsmError} RATE_LIMITED there are too many
   */
  async open(wish: StreamWish, hidden: Hidden): Promise<StreamPage> {
    const { log, most, now } = this.#options;
    const each = this.#options.mostEach ?? Math.max(1, Math.floor(most / 8));
    const name = nameOf(wish.principal, wish.requestId);
    this.#drop(name, taken());
    for (const [other, stream] of this.#streams) if (stream.asked + FORGET_MS < now()) this.#drop(other);
    let own = 0;
    for (const stream of this.#streams.values()) if (stream.wish.principal === wish.principal) own += 1;
    if (this.#streams.size >= most || own >= each)
      throw new HsmError("RATE_LIMITED", `there are too many streams; one caller may have ${each}, all together ${most}`, {
        retryAfterSeconds: 5,
      });
    const last = log.sequence;
    const stream = new AuditStream(wish, log.follow(Math.min(wish.after ?? last, last)), wish.untilNow ? last : undefined, now);
    this.#streams.set(name, stream);
    try {
      await stream.ready(0);
      const page = stream.page(hidden);
      if (page.complete) this.end(wish.principal, wish.requestId, stream);
      return page;
    } catch (error) {
      this.end(wish.principal, wish.requestId, stream);
      throw error;
    }
  }

  /** @returns undefined when there is none, or no more */
  find(principal: string, requestId: string): AuditStream | undefined {
    return this.#streams.get(nameOf(principal, requestId));
  }

  /** Ends a stream. @param only this one, and not another that took its place */
  end(principal: string, requestId: string, only?: AuditStream): void {
    const name = nameOf(principal, requestId);
    if (only === undefined || this.#streams.get(name) === only) this.#drop(name);
  }

  /** Ends all of them. */
  close(): void {
    for (const name of this.#streams.keys()) this.#drop(name);
  }

  #drop(name: string, why?: HsmError): void {
    this.#streams.get(name)?.end(why);
    this.#streams.delete(name);
  }
}

/** Not one that clients take for a reason to come again: two of them would take each other's place without end. */
const taken = (): HsmError => new HsmError("CANCELLED", "the stream has ended: another one of this caller has its request id");

/** A request id has no space. */
const nameOf = (principal: string, requestId: string): string => `${requestId} ${principal}`;

export class AuditStream {
  readonly wish: StreamWish;
  readonly #follower: Follower;
  readonly #upTo: number;
  readonly #now: () => number;
  #held: readonly FollowedLine[] = [];
  #busy = false;
  /** Why it has ended, where that is not for want of a log. */
  #why: HsmError | undefined;
  /** When somebody last asked for more, in milliseconds. */
  asked: number;

  constructor(wish: StreamWish, follower: Follower, upTo: number | undefined, now: () => number) {
    this.wish = wish;
    this.#follower = follower;
    this.#upTo = upTo ?? Infinity;
    this.#now = now;
    this.asked = now();
  }

  /**
   * Waits until there is something to look at, at most so long.
   *
   * @throws {HsmError} CANCELLED another one took its place; VAULT_SEALED the log was closed, or the stream was ended; what
   *   following throws
   */
  async ready(waitMs: number): Promise<void> {
    this.asked = this.#now() + waitMs;
    if (this.#held.length > 0 || this.#follower.after >= this.#upTo) return;
    if (this.#busy) throw new HsmError("INVALID_REQUEST", "the stream is being asked for already");
    this.#busy = true;
    try {
      const lines = await this.#follower.next({ lines: PULL_LINES, waitMs });
      if (lines === undefined)
        throw this.#why ?? new HsmError("VAULT_SEALED", "the stream has ended: the vault is sealed", { retryAfterSeconds: 5 });
      this.#held = lines.filter(({ sequence }) => sequence <= this.#upTo);
    } finally {
      this.#busy = false;
    }
  }

  /** What was waited for, without what is hidden now. */
  page(hidden: Hidden): StreamPage {
    const events: ParsedLine[] = [];
    for (const { line } of this.#held) {
      const parsed = parseLine(line);
      if (parsed !== undefined && shows(this.wish.filter, hidden, parsed.event)) events.push(parsed);
    }
    this.#held = [];
    const sequence = Math.min(this.#follower.after, this.#upTo);
    return { events, sequence, complete: sequence >= this.#upTo };
  }

  end(why?: HsmError): void {
    this.#why = why;
    this.#held = [];
    this.#follower.cancel();
  }
}
