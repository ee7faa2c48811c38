/**
 * Where a sink sends events, as it is kept and handed to the process that delivers: hsm.SinkTarget as JSON.
 */
import { fromJson, toJson, type JsonValue } from "@bufbuild/protobuf";
import { SinkTargetSchema, type SinkTarget } from "./generated/hsm/sinks_pb.ts";

/** Members of a target by their kind. */
export type SinkTargets = Omit<SinkTarget, "$typeName" | "$unknown">;
export type SinkKind = keyof SinkTargets;

/** Every kind the contract knows. */
export const SINK_TARGETS = Object.freeze(SinkTargetSchema.fields.map(({ localName }) => localName)) as readonly SinkKind[];

/** The kind of a target; undefined when it names none, or several. */
export function kindOfTarget(target: SinkTargets): SinkKind | undefined {
  const named = SINK_TARGETS.filter((kind) => target[kind] !== undefined);
  return named.length === 1 ? named[0] : undefined;
}

export const writeTarget = (target: SinkTarget): JsonValue => toJson(SinkTargetSchema, target);

/** What {@link writeTarget} wrote. @throws {Error} for anything else */
export const readTarget = (json: unknown): SinkTarget => fromJson(SinkTargetSchema, json as JsonValue);

/**
 * What secret a kind of sink has: `signing` is made by the vault when nobody gives one, and signs; `credential` is what a receiver
 * asks for, and may be left out.
 */
export type SinkSecret = "none" | "signing" | "credential";

export const SINK_SECRETS: Readonly<Record<SinkKind, SinkSecret>> = Object.freeze({
  webhook: "signing",
  file: "none",
  syslog: "credential",
  nats: "credential",
  kafka: "credential",
  otlpLogs: "credential",
});

/**
 * Where the credential of a sink is shown, and by what means: as a text that is the same exactly when it is shown to the same
 * receiver in the same way. A credential that somebody gave for one receiver is for no other.
 */
export function credentialPlace({ otlpLogs, syslog, nats, kafka }: SinkTargets): string {
  return JSON.stringify([
    otlpLogs?.url,
    ...(syslog === undefined ? [] : [syslog.host, syslog.port, syslog.transport]),
    ...(nats === undefined ? [] : [nats.host, nats.port, nats.plaintext]),
    ...(kafka === undefined ? [] : [kafka.brokers, kafka.sasl, kafka.plaintext]),
  ]);
}

/** Kinds that write on the server itself: for those alone who reach everything. */
export const LOCAL_SINKS: ReadonlySet<SinkKind> = new Set<SinkKind>(["file"]);
