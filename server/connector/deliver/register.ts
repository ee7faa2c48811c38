/**
 * Kinds of sinks by their member of hsm.SinkTarget. A further kind is a message there, a file here and a line below; the types
 * make a forgotten one a compile error.
 */
import { kindOfTarget, readTarget, type SinkKind, type SinkTargets } from "@keystead/contract/sink-target";
import { fileSink } from "./file.ts";
import { kafkaSink } from "./kafka.ts";
import { natsSink } from "./nats.ts";
import { otlpLogsSink } from "./otlp-logs.ts";
import { UnusableTarget, type OpenSink, type Sink, type Surroundings } from "./sink.ts";
import { syslogSink } from "./syslog.ts";
import { webhookSink } from "./webhook.ts";

type Register = { readonly [K in SinkKind]-?: OpenSink<NonNullable<SinkTargets[K]>> };

const SINKS: Register = Object.freeze({
  webhook: webhookSink,
  file: fileSink,
  syslog: syslogSink,
  nats: natsSink,
  kafka: kafkaSink,
  otlpLogs: otlpLogsSink,
});

export const SINK_KINDS = Object.freeze(Object.keys(SINKS)) as readonly SinkKind[];

/** Opens whatever a target names. @param json hsm.SinkTarget @throws {UnusableTarget} */
export function openSink(json: unknown, secrets: readonly Buffer[], surroundings: Surroundings): Sink {
  let target: SinkTargets;
  try {
    target = readTarget(json);
  } catch {
    throw new UnusableTarget("it is no target");
  }
  const kind = kindOfTarget(target);
  if (kind === undefined) throw new UnusableTarget("it is not one target");
  return (SINKS[kind] as OpenSink<unknown>)(target[kind], secrets, surroundings);
}
