/**
 * What handlers may ask about sinks. Who may see or change one is decided before: a handler names the namespace that was decided
 * about, and a sink of another one is not there.
 */
import type { EventFilter } from "@keystead/contract/event-filter";
import { HsmError } from "@keystead/contract/errors";
import type { Change } from "../objects/change.ts";
import type { FeederState } from "../sinks/feeder.ts";
import type { DeliveryRecord } from "../sinks/standing.ts";
import type { SinkRetry, StoredSink } from "../sinks/stored-sink.ts";

/** A sink and how it goes. */
export interface SinkFacts {
  readonly id: string;
  readonly stored: StoredSink;
  /** Milliseconds since the epoch of its last change. */
  readonly changedAt: number;
  readonly state: FeederState;
}

export interface NewSink {
  readonly name: string;
  readonly namespace: string;
  /** When the namespace was made; left out for none. */
  readonly since?: number;
  readonly enabled: boolean;
  /** hsm.SinkTarget as JSON. */
  readonly target: unknown;
  readonly filter: EventFilter;
  readonly retry: SinkRetry;
  /** Sequence number of the first event it gets; 0 = from now on. */
  readonly from: number;
  /** Newest first; the caller wipes them. */
  readonly secrets: readonly Uint8Array[];
}

/** What is left out stays. */
export type SinkChange = Partial<Pick<NewSink, "name" | "enabled" | "target" | "filter" | "retry">>;

export interface SinkControl {
  /** By name and id. */
  list(): readonly SinkFacts[];
  /** @throws {HsmError} OBJECT_NOT_FOUND */
  get(namespace: string, id: string): SinkFacts;
  /** Prepares a new sink. @throws {HsmError} INVALID_REQUEST a target that cannot be used; QUOTA_EXCEEDED; PROVIDER_UNAVAILABLE */
  create(sink: NewSink, by: string): Promise<{ id: string; stored: StoredSink; change: Change }>;
  /** Prepares a change. @throws {HsmError} as {@link create}; OBJECT_NOT_FOUND */
  update(namespace: string, id: string, changes: SinkChange): Promise<{ stored: StoredSink; change: Change }>;
  /** Prepares the end of a sink. @throws {HsmError} OBJECT_NOT_FOUND */
  remove(namespace: string, id: string): Promise<Change>;
  /** Prepares a new secret; the former one counts too for so long. @throws {HsmError} OBJECT_NOT_FOUND */
  rotate(namespace: string, id: string, secret: Uint8Array, overlapMs: number): Promise<{ stored: StoredSink; change: Change }>;
  /** Delivers an event that tells of nothing. @throws {HsmError} OBJECT_NOT_FOUND; RATE_LIMITED too many such deliveries wait */
  test(namespace: string, id: string, by: string): Promise<DeliveryRecord>;
  /** Delivers an event of the log once more. @throws {HsmError} as {@link test}; OBJECT_NOT_FOUND also for events that the sink is not to see */
  redeliver(namespace: string, id: string, sequence: number): Promise<DeliveryRecord>;
}

/** The sinks. @throws {HsmError} OPERATION_NOT_SUPPORTED where the configuration says that there are none */
export function sinksOf({ sinks }: { readonly sinks: SinkControl | undefined }): SinkControl {
  if (sinks === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "events are not sent anywhere here (sinks.enabled is false)");
  return sinks;
}
