/**
 * The line to the process that runs policy scripts: prepares them there, asks for decisions, and ends the process when
 * it does not answer in time.
 *
 * One question is asked at a time, so that time-outs and deaths are laid at the right door; sending more ahead would save
 * a few microseconds of some sixty. When the answer takes its limit and a little more, the launcher is asked to end the
 * process, and what waits is asked of the next one. A script that came to no decision for somebody waits before it is
 * asked for the same one again (pauses.ts), while others pass it by. Nothing here permits anything: whatever goes wrong is an answer that its caller makes a refusal of.
 */
import type { Socket } from "node:net";
import { MalformedFrame } from "@keystead/channel/frame";
import { Peer } from "@keystead/channel/peer";
import {
  SCRIPT_CALL,
  decodeDecideAnswer,
  decodePrepareAnswer,
  encodeDecide,
  encodePrepare,
  type DecideAnswer,
  type PrepareAnswer,
} from "@keystead/channel/script-call";
import type { Logger } from "@keystead/contract/logging";
import { SCRIPT_LIMITS, type ScriptEngine, type ScriptLimitsName } from "@keystead/contract/scripts";
import { Pauses } from "./pauses.ts";

export interface RunnerOptions {
  /** Asks the launcher for a process that runs scripts. May be asked again and again. */
  readonly want: () => void;
  /** Asks it to end the one there is and to start another. */
  readonly end: () => void;
  readonly log: Logger;
  /** Milliseconds beyond a script's limit before the process is ended. */
  readonly graceMs?: number;
  /** Milliseconds that a question may wait for a process, and for its turn. */
  readonly waitMs?: number;
}

/** A script as the process knows it. */
export interface RunnableScript {
  /** Another script has another name; the same source under other limits, too. */
  readonly name: string;
  readonly engine: ScriptEngine;
  readonly limits: ScriptLimitsName;
  /** Its source or module, read when the process does not have it. */
  source(): Promise<Uint8Array>;
}

/** A decision, or why there is none. */
export type Decided = Exclude<DecideAnswer, { readonly unknown: true }>;

interface Job {
  readonly operation: number;
  /** What is paused when no decision comes of it; empty for what is never paused. */
  readonly key: string;
  /** Made anew each time it is sent: the channel zeroes what it has sent. */
  readonly payload: () => Buffer;
  readonly timeMs: number;
  readonly askedAt: number;
  /** Processes that ended while they were asked this. */
  deaths: number;
  readonly done: (answer: Buffer) => void;
  readonly failed: (reason: string, why: string) => void;
}

const GRACE_MS = 400;
const WAIT_MS = 5_000;
const SWEEP_MS = 25;
/** For making a script ready, the engine included. */
const PREPARE_MS = 5_000;
/** Deadlines are kept here, by the first in line; the channel's own only bounds what is forgotten. */
const CHANNEL_DEADLINE_MS = 60_000;
const MAX_WAITING = 4096;
/** Of the slowest instructions about as many as a millisecond has. */
const FUEL_PER_MS = 1_000_000;
/** Of the same script, for the same caller, while it is paused. */
const MAX_WAITING_PAUSED = 16;
const PAUSED = "the script came to no decision for the same caller just now";
/** A question may be asked of one process more after one has died over it. */
const MOST_DEATHS = 1;

export class ScriptRunner {
  readonly #options: RunnerOptions;
  readonly #graceMs: number;
  readonly #waitMs: number;
  #peer: Peer | undefined;
  /** The present process has answered for the first time. */
  #ready = false;
  /** What the present process has prepared. */
  readonly #prepared = new Set<string>();
  /** What it is preparing: many requests may wait for one script. */
  readonly #preparing = new Map<string, Promise<PrepareAnswer>>();
  #waiting: Job[] = [];
  /** The one that is being worked on, and since when. */
  #asked: Job | undefined;
  #askedSince = 0;
  #sweep: NodeJS.Timeout | undefined;
  readonly #pauses = new Pauses();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#waitMs = options.waitMs ?? WAIT_MS;
  }

  /** Asks this process from now on; its pipe was handed over by the launcher, so this side speaks first. */
  join(socket: Socket): void {
    const before = this.#peer;
    const peer: Peer = new Peer(socket, {
      speaksFirst: true,
      onEnd: () => {
        if (this.#peer === peer) this.#lost("died", "the process that runs scripts ended");
      },
    });
    if (before !== undefined) this.#lost("died", "the process that runs scripts was replaced");
    before?.destroy();
    this.#peer = peer;
    // Nobody's time runs while the process begins.
    peer.request(SCRIPT_CALL.ready, Buffer.alloc(0), CHANNEL_DEADLINE_MS).then(
      () => {
        if (this.#peer !== peer) return;
        this.#ready = true;
        this.#pump();
      },
      () => undefined,
    );
  }

  /** Whether the script can be run, and why not. */
  prepare(script: Omit<RunnableScript, "source">, source: Uint8Array): Promise<PrepareAnswer> {
    return new Promise((resolve) => {
      this.#ask({
        operation: SCRIPT_CALL.prepare,
        key: "",
        payload: () => encodePrepare({ script: script.name, engine: script.engine, limits: script.limits, source }),
        timeMs: PREPARE_MS,
        askedAt: performance.now(),
        deaths: 0,
        done: (bytes) => {
          const answer = decodePrepareAnswer(bytes);
          if ("ready" in answer) this.#prepared.add(script.name);
          resolve(answer);
        },
        failed: (_, why) => resolve({ refused: why }),
      });
    });
  }

  /**
   * Asks the script. Never rejects for what the script or its process does.
   *
   * @param caller for whom: a pause is theirs alone, so that nobody keeps a script from others
   */
  async decide(script: RunnableScript, context: Uint8Array, caller: string): Promise<Decided> {
    // Twice: between preparing and asking, the process may have been started again, or have forgotten it for others.
    for (let round = 0; round < 3; round += 1) {
      if (!this.#prepared.has(script.name)) {
        const answer = await this.#prepareOnce(script);
        if ("refused" in answer) return { failed: answer.refused, reason: "prepare", fuel: 0 };
      }
      const answer = await this.#decideOnce(script, context, caller);
      if (!("unknown" in answer)) return answer;
      this.#prepared.delete(script.name);
    }
    return { failed: "the process that runs scripts keeps forgetting this one", reason: "unavailable", fuel: 0 };
  }

  /** Ends the line; whatever waits is refused. */
  close(): void {
    const peer = this.#peer;
    // First, so that no other process is asked for them.
    for (const job of this.#waiting.splice(0)) job.failed("unavailable", "the vault stops");
    this.#lost("unavailable", "the vault stops");
    peer?.destroy();
  }

  #prepareOnce(script: RunnableScript): Promise<PrepareAnswer> {
    const underWay = this.#preparing.get(script.name);
    if (underWay !== undefined) return underWay;
    const begun = script
      .source()
      .then((source) => this.prepare(script, source))
      .finally(() => this.#preparing.delete(script.name));
    this.#preparing.set(script.name, begun);
    return begun;
  }

  #decideOnce(script: RunnableScript, context: Uint8Array, caller: string): Promise<DecideAnswer> {
    const key = JSON.stringify([script.name, caller]);
    return new Promise((resolve) => {
      this.#ask({
        operation: SCRIPT_CALL.decide,
        key,
        payload: () => encodeDecide({ script: script.name, context }),
        timeMs: SCRIPT_LIMITS[script.limits].timeMs,
        askedAt: performance.now(),
        deaths: 0,
        done: (bytes) => {
          const answer = decodeDecideAnswer(bytes);
          // By its fuel: an answer's time is the machine's as much as the script's.
          if ("failed" in answer) this.#pauses.failed(key, answer.fuel / FUEL_PER_MS, performance.now());
          resolve(answer);
        },
        failed: (reason, why) => resolve({ failed: why, reason, fuel: 0 }),
      });
    });
  }

  #paused({ key }: Job): boolean {
    return key !== "" && this.#pauses.active(key, performance.now());
  }

  #ask(job: Job): void {
    if (this.#waiting.length >= MAX_WAITING) return job.failed("unavailable", "too many requests wait for scripts");
    if (this.#paused(job) && this.#waiting.filter(({ key }) => key === job.key).length >= MAX_WAITING_PAUSED)
      return job.failed("paused", PAUSED);
    this.#waiting.push(job);
    if (this.#peer === undefined) this.#options.want();
    this.#sweep ??= setInterval(() => this.#watch(), SWEEP_MS).unref();
    this.#pump();
  }

  #pump(): void {
    const peer = this.#peer;
    if (peer === undefined || !this.#ready || this.#asked !== undefined) return;
    const next = this.#waiting.findIndex((waiting) => !this.#paused(waiting));
    const [job] = next === -1 ? [] : this.#waiting.splice(next, 1);
    if (job === undefined) return;
    this.#asked = job;
    this.#askedSince = performance.now();
    peer.request(job.operation, job.payload(), CHANNEL_DEADLINE_MS).then(
      (answer) => this.#answered(job, answer),
      // A line that ended is dealt with where it is noticed.
      () => undefined,
    );
  }

  #answered(job: Job, answer: Buffer): void {
    if (this.#asked !== job) return;
    this.#asked = undefined;
    try {
      job.done(answer);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      job.failed("died", "the process that runs scripts answered what is no answer");
      this.#replace("it answered what is no answer");
    }
    this.#pump();
  }

  /**
   * The line has ended. What was being worked on may be why: it is not asked again when it took too long, and once more
   * when the process died, which it may have done by itself. Everything behind is asked again.
   */
  #lost(reason: string, why: string): void {
    this.#peer = undefined;
    this.#ready = false;
    this.#prepared.clear();
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined && reason === "died" && asked.deaths < MOST_DEATHS) {
      asked.deaths += 1;
      this.#waiting.unshift(asked);
    } else if (asked !== undefined) {
      const now = performance.now();
      if (asked.key !== "") this.#pauses.failed(asked.key, now - this.#askedSince, now);
      asked.failed(reason, why);
    }
    if (this.#waiting.length > 0) this.#options.want();
  }

  #replace(why: string): void {
    const peer = this.#peer;
    this.#options.log.warn("the process that runs policy scripts is ended", { why });
    this.#lost("time", why);
    peer?.destroy();
    this.#options.end();
  }

  #watch(): void {
    const now = performance.now();
    const asked = this.#asked;
    if (asked !== undefined && now - this.#askedSince > asked.timeMs + this.#graceMs)
      this.#replace(`a script did not answer within ${asked.timeMs} ms`);
    while (this.#waiting[0] !== undefined && now - this.#waiting[0].askedAt > this.#waitMs) {
      const late = this.#waiting.shift() as Job;
      if (this.#paused(late)) late.failed("paused", PAUSED);
      else
        late.failed("unavailable", this.#ready ? "too many requests wait for scripts" : "the process that runs scripts cannot be reached");
    }
    this.#pump();
    if (this.#asked === undefined && this.#waiting.length === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }
}
