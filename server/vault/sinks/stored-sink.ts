/**
 * A sink as its document says: where to, which events, how hard it is tried. Secrets are the document's material
 * (lib/channel/deliver-call.ts, secretList); how delivering goes is kept elsewhere (standing.ts).
 */
import type { EventFilter } from "@keystead/contract/event-filter";
import type { DocumentName } from "../objects/documents.ts";

export interface SinkRetry {
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Repetitions of an event that is refused, before it is set aside. */
  readonly maxRetries: number;
  /** Before the first repetition, doubling with each. */
  readonly delayMs: number;
}

export const USUAL_RETRY: SinkRetry = Object.freeze({ timeoutMs: 30_000, maxRetries: 3, delayMs: 1000 });

export interface StoredSink {
  readonly name: string;
  /** The namespace whose events it gets, fixed for good; empty = every one's, and the server's. */
  readonly namespace: string;
  readonly enabled: boolean;
  /** hsm.SinkTarget as JSON. */
  readonly target: unknown;
  readonly filter: EventFilter;
  readonly retry: SinkRetry;
  /** Grows with each change. */
  readonly revision: number;
  /** Sequence number of the last event that it does not get, from its beginning. */
  readonly after: number;
  /** When the namespace was made, milliseconds since the epoch: what was under its name before is another's. */
  readonly since?: number;
  /** Until when the former secret signs too, milliseconds since the epoch; undefined when there is none. */
  readonly formerUntil?: number | undefined;
  readonly createdBy: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** The document of a sink. */
export const sinkDocument = (id: string): DocumentName => ({ kind: "sink", id });
