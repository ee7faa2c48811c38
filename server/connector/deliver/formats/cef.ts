/**
 * An event in Common Event Format, one line.
 *
 *      CEF:0|Keystead|Keystead|0.1.0|key.created|a key was made …|3|rt=… suser=… act=GenerateKey …
 *
 * In the header, backslash and vertical bar are escaped; in the extension, backslash and equals sign; line ends are `\n` and `\r` in
 * the extension and blanks in the header. What is inside a value can end none; control characters and those that turn the direction of
 * writing are replaced, because the text goes to terminals and to programs that end it at a NUL.
 *
 * @see ArcSight Common Event Format (CEF) implementation standard, version 0
 */
import type { Severity } from "@keystead/contract/event-types";
import { VERSION } from "@keystead/contract/version";
import { titleOf, type SinkEvent } from "../event.ts";

/** 0-3 low, 4-6 medium, 7-8 high, 9-10 very high. */
export const CEF_SEVERITY: Readonly<Record<Severity, number>> = Object.freeze({ debug: 0, info: 3, warning: 6, error: 8, critical: 10 });

/** What cuts a text off in some receivers (NUL), moves a terminal, or turns the direction of what follows. */
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const printable = (value: string): string => value.toWellFormed().replace(UNPRINTABLE, "\ufffd");

const header = (value: string): string =>
  printable(value)
    .replace(/[\r\n\u2028\u2029]+/g, " ")
    .replace(/[\\|]/g, "\\$&");
const ESCAPES: Readonly<Record<string, string>> = { "\r": "\\r", "\n": "\\n", "\u2028": "\\n", "\u2029": "\\n" };
const extension = (value: string): string => printable(value).replace(/[\\=\r\n\u2028\u2029]/g, (one) => ESCAPES[one] ?? `\\${one}`);

export function cef(delivered: SinkEvent): string {
  const { id, type, severity, kind, event, hash } = delivered;
  const fields: readonly (readonly [string, string])[] = [
    ["rt", String(Date.parse(event.time))],
    ["externalId", id],
    ["act", event.action],
    ["outcome", event.outcome],
    ["reason", event.decision],
    ["suser", event.principal],
    ["src", isIPv4(event.address) ? event.address : ""],
    ["c6a2", isIPv4(event.address) ? "" : (event.address ?? "")],
    ["c6a2Label", event.address === undefined || isIPv4(event.address) ? "" : "Source IPv6 Address"],
    ["requestContext", event.request],
    ["cs1", event.namespace],
    ["cs1Label", event.namespace === "" ? "" : "namespace"],
    ["cs2", event.key],
    ["cs2Label", event.key === "" ? "" : "key"],
    ["cs3", hash],
    ["cs3Label", "sha256"],
    ["cs4", kind],
    ["cs4Label", "kind"],
    ["cn1", String(event.sequence)],
    ["cn1Label", "sequence"],
  ];
  const told = fields.flatMap(([name, value]) => (value === "" ? [] : [`${name}=${extension(value)}`])).join(" ");
  const head = ["CEF:0", "Keystead", "Keystead", VERSION, type, titleOf(delivered), String(CEF_SEVERITY[severity])];
  return `${head.map((part, at) => (at === 0 ? part : header(part))).join("|")}|${told}`;
}

const isIPv4 = (address: string | undefined): address is string => /^\d{1,3}(?:\.\d{1,3}){3}$/.test(address ?? "");
