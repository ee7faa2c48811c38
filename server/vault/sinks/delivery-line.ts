/**
 * The line to the process that delivers events: opens sinks there, hands them lines, and has the process ended when it does not
 * answer in time.
 *
 * A sink's secrets are read and sent when the process does not have the sink open, and with no other question. What comes back is
 * believed no further than a count and a reason; whatever goes wrong is an attempt that failed.
 */
import type { Socket } from "node:net";
import {
  DELIVER_CALL,
  decodeDeliverAnswer,
  decodeOpenSinkAnswer,
  encodeCloseSink,
  encodeDeliver,
  encodeOpenSink,
  type Delivered,
  type OpenSinkCall,
} from "@keystead/channel/deliver-call";
import { MalformedFrame } from "@keystead/channel/frame";
import { Peer } from "@keystead/channel/peer";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import { wipe } from "@keystead/crypto/wipe";

export interface DeliveryLineOptions {
  /** Asks the launcher for the process. May be asked again and again. */
  readonly want: () => void;
  /** Asks it to end the one there is and to start another. */
  readonly end: () => void;
  readonly log: Logger;
  /** How long an attempt waits for the process, in milliseconds. */
  readonly waitMs?: number;
}

/** A sink as it is to be opened. */
export interface Openable extends Omit<OpenSinkCall, "secrets"> {
  /** Reads its secrets, newest first; they are wiped here. */
  secrets(): Promise<readonly Uint8Array[]>;
}

const WAIT_MS = 5_000;
/** How long a process goes on beginning events of one attempt: what has arrived is known when it answers, and comes again after a crash. */
const BUDGET_MS = 1_000;
/** An answer that is later than the process may be, by its own promises, on a machine that is busy. */
const GRACE_MS = 15_000;
const MOST_IN_FLIGHT = 256;

const failed = (reason: string): Delivered => ({ delivered: 0, failure: { kind: "unavailable", reason } });

export class DeliveryLine {
  readonly #options: DeliveryLineOptions;
  #peer: Peer | undefined;
  /** Everybody waits for the same process together. */
  #joining: Promise<Peer | undefined> | undefined;
  #arrived: (() => void) | undefined;
  readonly #joinedTold: (() => void)[] = [];

  constructor(options: DeliveryLineOptions) {
    this.#options = options;
  }

  /** Asks this process from now on. */
  join(pipe: Socket): void {
    const before = this.#peer;
    const peer: Peer = new Peer(pipe, {
      speaksFirst: true,
      maxInFlight: MOST_IN_FLIGHT,
      onEnd: () => {
        if (this.#peer === peer) this.#peer = undefined;
      },
    });
    this.#peer = peer;
    before?.destroy();
    this.#arrived?.();
    for (const tell of this.#joinedTold) tell();
  }

  /** Called each time there is a new process: what failed because of the former one need not wait. */
  onJoin(tell: () => void): void {
    this.#joinedTold.push(tell);
  }

  /** One attempt to deliver lines to a sink. Never rejects for anything the process, the network or a receiver does. */
  async deliver(sink: Openable, lines: readonly string[]): Promise<Delivered> {
    const peer = this.#peer ?? (await this.#joined());
    if (peer === undefined) return failed("the process that delivers is not running");
    const bytes = Buffer.from(lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`)).join(""), "utf8");
    const deadlineMs = BUDGET_MS + sink.timeoutMs + GRACE_MS;
    try {
      for (let round = 0; round < 2; round += 1) {
        const { sink: name, revision } = sink;
        const call = encodeDeliver({ sink: name, revision, budgetMs: BUDGET_MS, lines: bytes });
        const answer = decodeDeliverAnswer(await peer.request(DELIVER_CALL.deliver, call, deadlineMs), lines.length);
        if (!("unknown" in answer)) return answer;
        const refused = await this.#open(peer, sink);
        if (refused !== undefined) return failed(refused);
      }
      return failed("the sink was closed while it was used");
    } catch (error) {
      return this.#failedBy(peer, error);
    }
  }

  /** Why a sink cannot be used; undefined when it can. Nothing is dialled. @throws {HsmError} PROVIDER_UNAVAILABLE nobody can say */
  async check(sink: Openable): Promise<string | undefined> {
    const peer = this.#peer ?? (await this.#joined());
    if (peer === undefined)
      throw new HsmError("PROVIDER_UNAVAILABLE", "the process that delivers events is not running", { retryAfterSeconds: 1 });
    try {
      return await this.#open(peer, sink);
    } finally {
      this.close(sink.sink);
    }
  }

  /** The sink is not used any more. */
  close(sink: string): void {
    this.#peer?.request(DELIVER_CALL.close, encodeCloseSink(sink), 60_000).catch(() => undefined);
  }

  async #open(peer: Peer, { secrets: read, ...sink }: Openable): Promise<string | undefined> {
    const secrets = await read();
    try {
      const call = encodeOpenSink({ ...sink, secrets });
      const answer = decodeOpenSinkAnswer(await peer.request(DELIVER_CALL.open, call, sink.timeoutMs + GRACE_MS));
      return "refused" in answer ? answer.refused : undefined;
    } finally {
      wipe(...secrets);
    }
  }

  #failedBy(peer: Peer, thrown: unknown): Delivered {
    const error = thrown instanceof MalformedFrame ? undefined : asHsmError(thrown);
    if (error === undefined || error.code === "DEADLINE_EXCEEDED") {
      this.#options.log.error("the process that delivers events does not answer as it should; it is ended", {}, thrown);
      if (this.#peer === peer) this.#options.end();
      return failed("the process that delivers did not answer");
    }
    if (error.code === "INTEGRITY_FAILURE") throw error;
    if (error.code === "INTERNAL") this.#options.log.error("events could not be handed over", {}, thrown);
    return failed(error instanceof HsmError && error.code !== "INTERNAL" ? error.detail : "the events could not be handed over");
  }

  #joined(): Promise<Peer | undefined> {
    return (this.#joining ??= this.#join().finally(() => (this.#joining = undefined)));
  }

  async #join(): Promise<Peer | undefined> {
    const { want, end, waitMs = WAIT_MS } = this.#options;
    want();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#arrived = undefined;
    // One that runs without a line to us would do so for ever: the launcher sees nothing wrong with it.
    if (this.#peer === undefined) end();
    return this.#peer;
  }
}
