/**
 * An event as a CloudEvent 1.0: whole, as one JSON object, or as attributes beside its data for protocols that have headers.
 *
 * `data` is the event exactly as the log has it. `sequence` is the registered extension of that name; `severity` and `kind` are
 * ours.
 *
 * @see CloudEvents 1.0.2 §3 (attributes); JSON Event Format §3; HTTP Protocol Binding §3.1 (binary)
 */
import type { SinkEvent } from "../event.ts";

/** Context attributes by name; every value is a string. */
export function cloudEventAttributes({ id, type, severity, kind, event }: SinkEvent, source: string): Readonly<Record<string, string>> {
  const subject = event.key === "" ? event.namespace : `${event.namespace}/${event.key}`;
  return {
    specversion: "1.0",
    id,
    source,
    type,
    ...(subject === "" ? {} : { subject }),
    time: event.time,
    datacontenttype: "application/json",
    sequence: String(event.sequence),
    severity,
    kind,
  };
}

/** Structured mode: one JSON object. */
export function cloudEvent(event: SinkEvent, source: string): string {
  return `${JSON.stringify(cloudEventAttributes(event, source)).slice(0, -1)},"data":${event.canonical}}`;
}

/** §3.1.3.2: what is no printable ASCII, and blanks, quotation marks and percent signs, are percent-encoded UTF-8. */
const headerValue = (value: string): string => value.toWellFormed().replace(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent);

/** Binary mode: the headers; the body is the data, `canonical`. */
export function cloudEventHeaders(event: SinkEvent, source: string): Readonly<Record<string, string>> {
  const { datacontenttype = "", ...attributes } = cloudEventAttributes(event, source);
  return {
    "content-type": datacontenttype,
    ...Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, headerValue(value)])),
  };
}
