/**
 * Syslog: each event as one message of RFC 5424, over TLS unless the target says otherwise.
 *
 * A batch travels over a connection of its own and counts when its receiver has closed in good order
 * (syslog-transport.ts). Datagrams count when they have left; who chooses them accepts that some are lost.
 */
import { hostname as hostnameOfMachine } from "node:os";
import type { Delivered } from "@keystead/channel/deliver-call";
import type { Severity } from "@keystead/contract/event-types";
import { SinkFormat, SyslogTransport, type SyslogTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import { VERSION } from "@keystead/contract/version";
import { reasonOf, type Destination } from "../dial.ts";
import type { SinkEvent } from "./event.ts";
import { FORMATS, type Formatted } from "./formats/format.ts";
import { ownCertificate } from "./own-certificate.ts";
import { UnusableTarget, type OpenSink } from "./sink.ts";
import { syslogMessage, type SyslogSeverity } from "./syslog-message.ts";
import { MOST_DATAGRAM_BYTES, SyslogStream, sendAsDatagrams } from "./syslog-transport.ts";

const PORTS: Readonly<Record<SyslogTransport, number>> = {
  [SyslogTransport.UNSPECIFIED]: 6514,
  [SyslogTransport.TLS]: 6514,
  [SyslogTransport.TCP]: 601,
  [SyslogTransport.UDP]: 514,
};

const SEVERITIES: Readonly<Record<Severity, SyslogSeverity>> = {
  debug: "debug",
  info: "informational",
  warning: "warning",
  error: "error",
  critical: "critical",
};

export const syslogSink: OpenSink<SyslogTarget> = (target, secrets, { mayDial, authorities, source, timeoutMs }) => {
  const { host, transport } = target;
  const format = FORMATS[target.format === SinkFormat.UNSPECIFIED ? SinkFormat.RAW : target.format];
  if (format === undefined) throw new UnusableTarget("format is none that syslog has");
  const encrypted = transport === SyslogTransport.TLS || transport === SyslogTransport.UNSPECIFIED;
  const [secret] = secrets;
  if (secret !== undefined && !encrypted) throw new UnusableTarget("a secret is a certificate and its key, which only TLS has");
  const to: Destination = {
    host,
    port: target.port || (PORTS[transport] ?? 6514),
    ...(encrypted ? { tls: { authorities, ...(secret === undefined ? {} : ownCertificate(secret)) } } : {}),
  };
  const hostname = target.hostname || hostnameOfMachine();
  const messageOf = messages(format, source, hostname);

  const stream = transport === SyslogTransport.UDP ? undefined : new SyslogStream(to, mayDial);

  const send = async (events: readonly SinkEvent[]): Promise<Delivered> => {
    if (stream !== undefined) {
      await stream.send(events.map(messageOf), timeoutMs);
      return { delivered: events.length };
    }
    const bytes = events.map(messageOf);
    const large = bytes.findIndex((message) => message.length > MOST_DATAGRAM_BYTES);
    const fitting = large === -1 ? bytes : bytes.slice(0, large);
    await sendAsDatagrams(fitting, to, mayDial, AbortSignal.timeout(timeoutMs));
    if (large === -1) return { delivered: bytes.length };
    return { delivered: large, failure: { kind: "refused", reason: `${bytes[large]?.length} bytes are more than a datagram holds` } };
  };

  return {
    deliver: (events) =>
      send(events).catch((thrown: unknown) => ({ delivered: 0, failure: { kind: "unavailable" as const, reason: reasonOf(thrown) } })),
    close: () => stream?.close(),
  };
};

const messages =
  (format: Formatted, source: string, hostname: string) =>
  (event: SinkEvent): Buffer =>
    syslogMessage({
      severity: SEVERITIES[event.severity],
      time: event.event.time,
      hostname,
      type: event.type,
      sequence: event.event.sequence,
      version: VERSION,
      text: format.text(event, source),
    });
