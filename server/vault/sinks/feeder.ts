/**
 * Feeds one sink: follows the log from where the sink stands, hands over what it is to have, in order, and moves the standing with
 * what has arrived. Each sink has a feeder of its own, so nobody waits for another's receiver, and the log waits for none.
 *
 *      arrived          the standing moves on
 *      refused          tried again a few times; then the event is set aside and the next one is tried
 *      unavailable      tried again for as long as it takes, less and less often; nothing is left out
 *      missed           gone from the log meanwhile, for its age or by damage: said, counted, and what is still there goes on
 *
 * At least once: the standing is made durable behind the deliveries, so that after a crash some of them are repeated, with the
 * same ids. Setting aside and moving on is one durable step. When as many events are set aside as may be, the sink is blocked
 * until somebody looks, because from then on a refusal would lose events.
 *
 * Long, because the loop, its pauses and what is known of them are one state.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { eventFilter } from "@keystead/contract/event-filter";
import { eventTypeOf, severityOf } from "@keystead/contract/event-types";
import { HsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Delivered } from "@keystead/channel/deliver-call";
import type { ChainedEvent } from "../audit/event.ts";
import type { Follower } from "../audit/follow.ts";
import type { DeliveryLine, Openable } from "./delivery-line.ts";
import { BREAK_FAILURES, BREAK_MS, pauseMs } from "./pace.ts";
import {
  MOST_SET_ASIDE,
  NEW_STANDING,
  withDelivery,
  withSetAside,
  type DeliveryRecord,
  type SinkStanding,
  type StandingFile,
} from "./standing.ts";
import type { StoredSink } from "./stored-sink.ts";

/** What a feeder is given. */
export interface FeederOptions {
  readonly id: string;
  readonly stored: StoredSink;
  readonly file: StandingFile;
  /** Follows the log. */
  follow(after: number): Follower;
  /** Sequence number of the last event of the log. */
  end(): number;
  /** Sequence number of the first event from `from` on that the log still has; `from` where nothing is missing. */
  firstKept(from: number): number;
  readonly line: Pick<DeliveryLine, "deliver">;
  /** The sink as it is to be opened at this time. */
  openable(stored: StoredSink): Openable;
  readonly log: Logger;
  /** Told of log or store that does not verify. */
  readonly onDamage: (error: HsmError) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  /** How long a receiver that fails again and again is left alone; a minute when left out. */
  readonly breakMs?: number;
}

/** What an administrator sees of it. */
export interface FeederState {
  readonly state: "delivering" | "waiting" | "blocked" | "disabled" | "ended";
  readonly standing: SinkStanding;
  readonly behind: number;
  readonly lastError: string;
  /** After several failures in a row its receiver is tried once in a while. */
  readonly leftAlone: boolean;
  /** Events that it missed since this vault was opened. */
  readonly missedNow: number;
}

interface Attempt {
  readonly answer: Delivered;
  readonly record: DeliveryRecord;
}

interface Wanted {
  readonly sequence: number;
  readonly line: string;
  readonly hash: string;
  readonly type: string;
  readonly bytes: number;
}

/** Events of one attempt, at most. */
const BATCH_EVENTS = 100;
const BATCH_BYTES = 1024 * 1024;
/** What is read of the log at once. */
const PULL_LINES = 256;
/** How far behind the deliveries the durable standing may be. */
const SAVE_MS = 1_000;
/** Attempts besides the feeding that may wait. */
const MOST_ASKED = 4;
/** How long an attempt is waited for when delivering ends. */
const PATIENCE_MS = 500;

/** Whether a sink may be told of an event at all, whatever its filter says. */
export const within = (
  { namespace, since = -Infinity }: Pick<StoredSink, "namespace" | "since">,
  event: { readonly namespace: string; readonly time: string },
): boolean => namespace === "" || (event.namespace === namespace && Date.parse(event.time) >= since);

export class Feeder {
  readonly #options: FeederOptions;
  /** Attempts one after the other: a sink is asked one thing at a time. */
  #attempts: Promise<unknown> = Promise.resolve();
  #stored: StoredSink;
  #passes: ReturnType<typeof eventFilter>;
  #standing: SinkStanding;
  #follower: Follower | undefined;
  /** Aborted once it is to end. */
  #stopping = new AbortController();
  /** Ends a pause early. */
  #hurry = new AbortController();
  #failures = 0;
  #lastError = "";
  #missedNow = 0;
  #asked = 0;
  /** The log could not be read last time. */
  #unreadable = false;
  #blocked = false;
  #running: Promise<void> | undefined;
  #saving: Promise<void> | undefined;
  #saveAt: NodeJS.Timeout | undefined;
  #dirty = false;

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#stored = options.stored;
    this.#passes = eventFilter(options.stored.filter);
    const standing = options.file.read() ?? NEW_STANDING(options.stored.after);
    // The log may have been brought back from a backup: what comes after its end is new.
    this.#standing = { ...standing, position: Math.min(standing.position, options.end()) };
  }

  get state(): FeederState {
    const state = this.#standing.ended
      ? "ended"
      : !this.#stored.enabled
        ? "disabled"
        : this.#blocked
          ? "blocked"
          : this.#failures > 0
            ? "waiting"
            : "delivering";
    return {
      state,
      standing: this.#standing,
      behind: Math.max(0, this.#options.end() - this.#standing.position),
      lastError: this.#lastError,
      leftAlone: (state === "waiting" || state === "blocked") && this.#failures >= BREAK_FAILURES,
      missedNow: this.#missedNow,
    };
  }

  /** Begins, or goes on. */
  start(): void {
    if (this.#running !== undefined || !this.#stored.enabled || this.#standing.ended) return;
    this.#running = this.#run().catch((error: unknown) => {
      this.#lastError = error instanceof HsmError ? error.detail : "delivering stopped; see the server log";
      // Until the next start: whoever looks at alerts is told.
      this.#failures = Math.max(this.#failures + 1, BREAK_FAILURES);
      this.#options.log.error("a sink's delivery stopped", { sink: this.#options.id }, error);
      if (error instanceof HsmError && error.code === "INTEGRITY_FAILURE") this.#options.onDamage(error);
    });
  }

  /** Ends; what is under way is heard first. The standing is durable then. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#follower?.cancel();
    await this.#running;
    this.#running = undefined;
    await this.#save();
  }

  /** Ends a pause, or spares the one after the attempt that is under way: there is reason to think that the next goes better. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Gives its file up, after {@link stop}. */
  close(): void {
    this.#options.file.close();
  }

  /** The sink is another from now on. What is set aside stays; the receiver is tried at once. */
  async change(stored: StoredSink): Promise<void> {
    await this.stop();
    this.#stopping = new AbortController();
    this.#stored = stored;
    this.#passes = eventFilter(stored.filter);
    this.#failures = 0;
    this.#lastError = "";
    this.start();
  }

  /**
   * One attempt besides the feeding, for tests and repetitions; recorded like any.
   *
   * @throws {HsmError} RATE_LIMITED as many wait as may: each is a request that is held in the vault until its receiver has answered
   */
  async attempt(sequence: number, line: string): Promise<DeliveryRecord> {
    if (this.#asked >= MOST_ASKED)
      throw new HsmError("RATE_LIMITED", "other deliveries that were asked for wait for this sink's receiver", { retryAfterSeconds: 5 });
    this.#asked += 1;
    const { record, answer } = await this.#attempt([{ sequence, line }]).finally(() => (this.#asked -= 1));
    if (answer.delivered === 1 && this.#standing.aside.some((one) => one.sequence === sequence)) {
      this.#standing = { ...this.#standing, aside: this.#standing.aside.filter((one) => one.sequence !== sequence) };
      this.#hurry.abort();
    }
    this.#saveSoon();
    return record;
  }

  /** For as long as it takes: a log that cannot be read now, such as an archive that is away, is tried again like a receiver. */
  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted && !this.#standing.ended) {
      this.#hurry = new AbortController();
      try {
        return await this.#follow();
      } catch (error) {
        if (!(error instanceof HsmError) || error.code !== "AUDIT_UNAVAILABLE") throw error;
        if (await this.#passGap(this.#options.firstKept(this.#standing.position + 1))) continue;
        this.#unreadable = true;
        this.#lastError = error.detail;
        this.#failures += 1;
        await this.#pause(undefined);
      }
    }
  }

  /**
   * Goes on behind what is gone: keeping it is the administrator's to decide, and no receiver that is away holds up a deletion.
   *
   * A sink of a namespace ends there: the end of its namespace may be among what is gone, and one of its name somebody else's.
   *
   * @param next the first event that is there again
   * @returns false when nothing is missing
   */
  async #passGap(next: number): Promise<boolean> {
    const { id, log, now } = this.#options;
    const first = this.#standing.position + 1;
    const last = next - 1;
    if (last < first) return false;
    const missed = last - first + 1;
    this.#missedNow += missed;
    const detail = "gone from the log, for their age or by damage, before they were delivered";
    this.#standing = withDelivery(
      {
        ...this.#standing,
        position: last,
        missed: (this.#standing.missed ?? 0) + missed,
        ended: this.#stored.namespace !== "",
      },
      { time: now(), first, last, delivered: 0, outcome: "missed", detail, durationMs: 0 },
    );
    log.error("a sink has missed events: they are gone from the log, for their age or by damage", { sink: id, first, last });
    this.#dirty = true;
    await this.#save();
    return true;
  }

  async #follow(): Promise<void> {
    const follower = this.#options.follow(this.#standing.position);
    this.#follower = follower;
    try {
      while (!this.#stopping.signal.aborted) {
        const lines = await follower.next({ lines: PULL_LINES });
        if (lines === undefined) return;
        if (this.#unreadable) {
          this.#unreadable = false;
          this.#failures = 0;
          this.#lastError = "";
        }
        // A damaged segment that was given up is gone around by whoever follows.
        if (lines[0] !== undefined) await this.#passGap(lines[0].sequence);
        if (this.#standing.ended) return;
        const wanted: Wanted[] = [];
        let last = this.#standing.position;
        let ended = false;
        for (const { sequence, line, hash } of lines) {
          const event = eventOf(line);
          const type = eventTypeOf(event);
          last = sequence;
          if (!within(this.#stored, event)) continue;
          if (this.#passes(type, severityOf(event), event.namespace)) wanted.push({ sequence, line, hash, type, bytes: line.length });
          // Whoever makes a namespace of this name later is somebody else.
          ended = this.#stored.namespace !== "" && event.action === "PurgeNamespace" && event.outcome === "OK";
          if (ended) break;
        }
        if (!(await this.#deliverAll(wanted))) return;
        this.#standing = { ...this.#standing, position: Math.max(last, this.#standing.position), ended };
        this.#saveSoon();
        if (ended) return;
        // Others' turns come between, however far behind this one is.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      follower.cancel();
    }
  }

  /** @returns false when it was stopped before the end */
  async #deliverAll(wanted: readonly Wanted[]): Promise<boolean> {
    let rest = wanted;
    /** Refusals of the event that is next. */
    let refusals = 0;
    while (rest.length > 0) {
      if (this.#stopping.signal.aborted) return false;
      // From here on: what gives reason to hurry while the attempt is under way ends the pause after it.
      this.#hurry = new AbortController();
      const { answer } = await this.#attempt(batchOf(rest));
      const { delivered, failure } = answer;
      if (delivered > 0) {
        refusals = 0;
        this.#failures = 0;
        this.#standing = { ...this.#standing, position: (rest[delivered - 1] as Wanted).sequence };
        rest = rest.slice(delivered);
        this.#saveSoon();
      }
      if (failure === undefined) {
        if (delivered > 0) continue;
        // It had no time for even one.
        await this.#pause(0);
        continue;
      }
      const [next] = rest;
      if (failure.kind === "refused" && next !== undefined) {
        refusals += 1;
        if (refusals > this.#stored.retry.maxRetries && (await this.#setAside(next, failure.reason))) {
          refusals = 0;
          this.#failures = 0;
          rest = rest.slice(1);
          continue;
        }
      }
      this.#failures += 1;
      await this.#pause(failure.retryAfterMs);
    }
    return true;
  }

  #attempt(batch: readonly Pick<Wanted, "sequence" | "line">[]): Promise<Attempt> {
    const attempt = this.#attempts.then(() => this.#attemptNow(batch));
    this.#attempts = attempt.catch(() => undefined);
    return attempt;
  }

  async #attemptNow(batch: readonly Pick<Wanted, "sequence" | "line">[]): Promise<Attempt> {
    const { line, now, openable } = this.#options;
    const started = now();
    const lines = batch.map((one) => one.line);
    const answer = await this.#orStopped(line.deliver(openable(this.#stored), lines));
    const record: DeliveryRecord = {
      time: started,
      first: batch[0]?.sequence ?? 0,
      last: batch.at(-1)?.sequence ?? 0,
      delivered: answer.delivered,
      outcome: answer.failure?.kind ?? "delivered",
      detail: answer.failure?.reason ?? "",
      durationMs: Math.max(0, now() - started),
    };
    this.#lastError = record.detail;
    this.#standing = withDelivery({ ...this.#standing, delivered: this.#standing.delivered + answer.delivered }, record);
    return { answer, record };
  }

  /** Who stops waits no longer than this for an attempt; what it delivered after all is delivered again. */
  async #orStopped(attempt: Promise<Delivered>): Promise<Delivered> {
    const { signal } = this.#stopping;
    const heard = new AbortController();
    const patience = async (): Promise<Delivered> => {
      if (!signal.aborted) await once(signal, "abort", { signal: heard.signal });
      await sleep(PATIENCE_MS, undefined, { ref: false, signal: heard.signal });
      return { delivered: 0, failure: { kind: "unavailable", reason: "delivering was stopped" } };
    };
    const given = patience();
    given.catch(() => undefined);
    try {
      return await Promise.race([attempt, given]);
    } finally {
      heard.abort();
    }
  }

  /** @returns false when there is no room for it */
  async #setAside({ sequence, hash, type }: Wanted, reason: string): Promise<boolean> {
    this.#blocked = this.#standing.aside.length >= MOST_SET_ASIDE;
    if (this.#blocked) {
      this.#lastError = `${MOST_SET_ASIDE} events are set aside, which is all there may be: ${reason}`;
      return false;
    }
    this.#standing = withSetAside({ ...this.#standing, position: sequence }, { sequence, hash, type, reason, time: this.#options.now() });
    this.#options.log.warn("an event was set aside: its receiver refuses it", { sink: this.#options.id, sequence });
    this.#dirty = true;
    await this.#save();
    return true;
  }

  async #pause(askedMs: number | undefined): Promise<void> {
    const { random, breakMs = BREAK_MS } = this.#options;
    const limits = { firstMs: this.#stored.retry.delayMs, lastMs: breakMs, failures: BREAK_FAILURES };
    const signal = AbortSignal.any([this.#stopping.signal, this.#hurry.signal]);
    await sleep(pauseMs(Math.max(1, this.#failures), limits, random(), askedMs), undefined, { signal, ref: false }).catch(() => undefined);
  }

  #saveSoon(): void {
    this.#dirty = true;
    this.#saveAt ??= setTimeout(() => {
      this.#saveAt = undefined;
      void this.#save();
    }, SAVE_MS).unref();
  }

  /** Makes the standing as it is now durable. What fails is tried again with the next change: only repetitions depend on it. */
  async #save(): Promise<void> {
    while (this.#saving !== undefined) await this.#saving;
    if (!this.#dirty) return;
    clearTimeout(this.#saveAt);
    this.#saveAt = undefined;
    this.#dirty = false;
    const standing = this.#standing;
    this.#saving = this.#options.file
      .write(standing)
      .catch((error: unknown) => {
        this.#dirty = true;
        this.#options.log.warn("a sink's standing cannot be written", { sink: this.#options.id, reason: (error as Error).message });
      })
      .finally(() => (this.#saving = undefined));
    await this.#saving;
  }
}

const HEAD = '{"event":';
const TAIL_CHARACTERS = ',"mac":""}'.length + 64;

/** The event of a line that the follower has verified. */
const eventOf = (line: string): ChainedEvent => {
  const end = line.endsWith("\n") ? line.length - 1 : line.length;
  return JSON.parse(line.slice(HEAD.length, end - TAIL_CHARACTERS)) as ChainedEvent;
};

/** As many as one attempt takes. */
function batchOf(rest: readonly Wanted[]): readonly Wanted[] {
  let bytes = 0;
  let events = 0;
  for (const one of rest) {
    bytes += one.bytes;
    if (events > 0 && (events === BATCH_EVENTS || bytes > BATCH_BYTES)) break;
    events += 1;
  }
  return rest.slice(0, events);
}
