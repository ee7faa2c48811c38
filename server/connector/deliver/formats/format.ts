/**
 * Formats of events by their number on the wire. A format is a pure function, one file each, and one line below.
 */
import { SinkFormat } from "@keystead/contract/generated/hsm/sinks_pb";
import type { SinkEvent } from "../event.ts";
import { cef } from "./cef.ts";
import { cloudEvent } from "./cloud-event.ts";
import { ocsf } from "./ocsf.ts";
import { standard } from "./standard.ts";

/** One event as a text of one line, without a newline. */
export interface Formatted {
  readonly contentType: string;
  /** @param source who the events are of, a URI */
  text(event: SinkEvent, source: string): string;
}

/** What can be written as one line of text. */
export const FORMATS: Readonly<Partial<Record<SinkFormat, Formatted>>> = Object.freeze({
  [SinkFormat.STANDARD]: { contentType: "application/json", text: standard },
  [SinkFormat.RAW]: { contentType: "application/json", text: ({ line }) => line },
  [SinkFormat.CLOUDEVENTS]: { contentType: "application/cloudevents+json", text: cloudEvent },
  [SinkFormat.CEF]: { contentType: "text/plain; charset=utf-8", text: cef },
  [SinkFormat.OCSF]: { contentType: "application/json", text: ocsf },
});
