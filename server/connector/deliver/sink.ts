/**
 * What every kind of sink can do, and what it is given. One file per kind, one line each in register.ts; one suite holds all
 * kinds to this page (sinks.test.ts).
 */
import type { Delivered } from "@keystead/channel/deliver-call";
import type { MayDial } from "../fetch/addresses.ts";
import type { SinkEvent } from "./event.ts";

/** One open sink. It is asked one thing at a time. */
export interface Sink {
  /**
   * Delivers events in their order and stops at the first that does not arrive. An event counts as delivered once the receiver
   * has acknowledged it, by whatever the protocol has for that. What was sent without an answer has not been delivered: it
   * will be sent again, with the same id.
   *
   * @param events at least one
   * @param goOn false once no further event should be begun; one that is under way is finished
   * @returns how many arrived; `refused` when the receiver works and will not have this event however often it comes,
   *   `unavailable` for everything else. It does not throw for anything a receiver or the network does, takes no longer for one
   *   event than the surroundings' `timeoutMs`, and repeats nothing by itself.
   */
  deliver(events: readonly SinkEvent[], goOn: () => boolean): Promise<Delivered>;
  /** Ends its connections. Nothing is asked of it any more. */
  close(): void;
}

/** What a sink may use of the process it is in. */
export interface Surroundings {
  readonly mayDial: MayDial;
  /** Authorities of servers, in PEM. */
  readonly authorities: readonly string[];
  /** Where file sinks write; undefined = nowhere. */
  readonly filesDir: string | undefined;
  /** Whether an address of this machine may be spoken to in the clear: in the development preset. */
  readonly plaintextLoopback: boolean;
  /** Who the events are of, a URI: CloudEvents' source. */
  readonly source: string;
  /** Longest time for one event, milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A target that cannot be used here: what is wrong with it, for people. */
export class UnusableTarget extends Error {}

/**
 * Opens a sink; dials nothing yet.
 *
 * @param target its part of hsm.SinkTarget
 * @param secrets newest first; the sink keeps them as long as it is open and the process wipes them after {@link Sink.close}
 * @throws {UnusableTarget}
 */
export type OpenSink<T> = (target: T, secrets: readonly Buffer[], surroundings: Surroundings) => Sink;
