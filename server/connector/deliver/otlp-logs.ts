/**
 * OTLP logs: each event as one log record, by one POST of OTLP/JSON.
 *
 * One record a request, because an answer counts the records that a receiver rejected and does not say which: so what was
 * rejected is known, and the same request is never repeated after a partial success. What a receiver means by its status is
 * read as for webhooks: the specification forbids repeating most failures, since telemetry may be lost; events may not, so only
 * what says that this record is no good is refused, and everything else waits.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-response; logs data model
 */
import type { Delivered, DeliveryFailure } from "@keystead/channel/deliver-call";
import type { Severity } from "@keystead/contract/event-types";
import { SinkFormat, type OtlpLogsTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import { OTLP_SCOPE, otlpNumber, otlpResource, otlpText, otlpTime } from "@keystead/contract/otlp";
import { reasonOf } from "../dial.ts";
import type { SinkEvent } from "./event.ts";
import { FORMATS } from "./formats/format.ts";
import { headersOf, poster, type PostAnswer } from "./post.ts";
import { withoutNewline } from "./secret-text.ts";
import { UnusableTarget, type OpenSink } from "./sink.ts";

/** Logs data model, "Field: SeverityNumber": the least of each range. */
const SEVERITIES: Readonly<Record<Severity, { readonly severityNumber: number; readonly severityText: string }>> = {
  debug: { severityNumber: 5, severityText: "DEBUG" },
  info: { severityNumber: 9, severityText: "INFO" },
  warning: { severityNumber: 13, severityText: "WARN" },
  error: { severityNumber: 17, severityText: "ERROR" },
  critical: { severityNumber: 21, severityText: "FATAL" },
};
const REFUSED_STATUSES: ReadonlySet<number> = new Set([400, 413, 415, 422]);
const NO_OWN_HEADER = /^$/;

export const otlpLogsSink: OpenSink<OtlpLogsTarget> = (target, secrets, surroundings) => {
  const format = FORMATS[target.format === SinkFormat.UNSPECIFIED ? SinkFormat.RAW : target.format];
  if (format === undefined) throw new UnusableTarget("format is none that OTLP has");
  const { source, now } = surroundings;
  const headers = { ...headersOf(target.headers, NO_OWN_HEADER), ...secretHeader(secrets[0]), "content-type": "application/json" };
  const { post, close } = poster(target.url, surroundings);

  const send = async (event: SinkEvent): Promise<DeliveryFailure | undefined> => {
    const message = logsRequest(event, format.text(event, source), source, now());
    return failureOf(await post(headers, Buffer.from(JSON.stringify(message), "utf8")));
  };
  return {
    async deliver(events, goOn): Promise<Delivered> {
      let delivered = 0;
      for (const event of events) {
        if (delivered > 0 && !goOn()) break;
        const failure = await send(event).catch((error: unknown): DeliveryFailure => ({ kind: "unavailable", reason: reasonOf(error) }));
        if (failure !== undefined) return { delivered, failure };
        delivered += 1;
      }
      return { delivered };
    },
    close,
  };
};

/** The body of `/v1/logs` for one event. @param now when it was seen, milliseconds since the epoch */
export function logsRequest(sent: SinkEvent, text: string, source: string, now: number): object {
  const { event, id, type, severity } = sent;
  const named = {
    "keystead.event_id": id,
    "keystead.kind": sent.kind,
    "keystead.action": event.action,
    "keystead.outcome": event.outcome,
    "keystead.decision": event.decision,
    "keystead.principal": event.principal,
    "keystead.namespace": event.namespace,
    "keystead.key_id": event.key,
    "keystead.request_id": event.request,
    "client.address": event.address ?? "",
  };
  const record = {
    timeUnixNano: otlpTime(Date.parse(event.time)),
    observedTimeUnixNano: otlpTime(now),
    ...SEVERITIES[severity],
    eventName: type,
    body: { stringValue: text },
    attributes: [
      otlpText("event.name", type),
      otlpNumber("keystead.sequence", event.sequence),
      ...Object.entries(named).flatMap(([name, value]) => (value === "" ? [] : [otlpText(name, value)])),
    ],
    ...(event.trace === undefined ? {} : { traceId: event.trace }),
  };
  return {
    resourceLogs: [
      {
        resource: otlpResource(otlpText("service.instance.id", source)),
        scopeLogs: [{ scope: OTLP_SCOPE, logRecords: [record] }],
      },
    ],
  };
}

function failureOf({ status, body, retryAfterMs }: PostAnswer): DeliveryFailure | undefined {
  if (status >= 200 && status < 300) {
    return rejected(body) ? { kind: "refused", reason: "the receiver answered that it rejected the record" } : undefined;
  }
  return {
    kind: REFUSED_STATUSES.has(status) ? "refused" : "unavailable",
    reason: `the receiver answered with status ${status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** ExportLogsServiceResponse as JSON; receivers that answer something else, or nothing, took it. */
function rejected(body: Buffer): boolean {
  let answer: { readonly [name: string]: Readonly<Record<string, unknown>> | undefined } | null;
  try {
    answer = JSON.parse(body.toString("utf8")) as typeof answer;
  } catch {
    return false;
  }
  const partial = answer?.["partialSuccess"] ?? answer?.["partial_success"];
  return Number(partial?.["rejectedLogRecords"] ?? partial?.["rejected_log_records"] ?? 0) > 0;
}

/** NAME: VALUE, or the value of Authorization. Node takes headers as texts alone. @throws {UnusableTarget} */
function secretHeader(secret: Buffer | undefined): Record<string, string> {
  if (secret === undefined) return {};
  const [, name = "authorization", value = ""] =
    /^(?:([A-Za-z0-9-]{1,64}): )?([!-~][ -~]*)$/.exec(withoutNewline(secret).toString("utf8")) ?? [];
  if (value === "") throw new UnusableTarget("the secret is no header");
  headersOf([{ name, value }], NO_OWN_HEADER);
  return { [name.toLowerCase()]: value };
}
