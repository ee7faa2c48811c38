/**
 * Where a sink sends events, as options of the command line: one option names the kind and the place, others say more of it.
 *
 *      --webhook https://…   --file NAME   --syslog tls://HOST:PORT   --nats HOST:PORT --subject S
 *      --kafka HOST:PORT --topic T   --otlp https://…/v1/logs   --target JSON
 */
import type { Command } from "commander";
import type { KafkaTarget, SinkFormatName, SinkTarget, SyslogTarget } from "@keystead/client/areas/sinks";
import { collect } from "./command-tree.ts";
import { usageError } from "./usage-error.ts";
import { wholeNumber } from "./whole-number.ts";

export interface SinkTargetOptions {
  readonly webhook?: string;
  readonly file?: string;
  readonly syslog?: string;
  readonly nats?: string;
  readonly kafka?: readonly string[];
  readonly otlp?: string;
  readonly target?: string;
  readonly format?: string;
  readonly header?: readonly string[];
  readonly xWebhookHeaders?: boolean;
  readonly maxBytes?: number;
  readonly maxFiles?: number;
  readonly subject?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly sasl?: string;
  readonly plaintext?: boolean;
}

const FORMATS: readonly SinkFormatName[] = ["standard", "raw", "cloudevents", "cloudevents_binary", "cef", "ocsf"];
const SASL: readonly NonNullable<KafkaTarget["sasl"]>[] = ["scram_sha_512", "scram_sha_256", "plain"];
const PLACES = ["webhook", "file", "syslog", "nats", "kafka", "otlp", "target"] as const;
type Place = (typeof PLACES)[number];
/** What says more of a place, and of which kinds. */
const DETAILS: Readonly<Partial<Record<keyof SinkTargetOptions, readonly Place[]>>> = {
  format: ["webhook", "file", "syslog", "nats", "kafka", "otlp"],
  header: ["webhook", "otlp"],
  xWebhookHeaders: ["webhook"],
  maxBytes: ["file"],
  maxFiles: ["file"],
  subject: ["nats"],
  topic: ["kafka"],
  partition: ["kafka"],
  sasl: ["kafka"],
  plaintext: ["nats", "kafka"],
};

export const sinkTargetOptions = (command: Command): Command =>
  command
    .option("--webhook <url>", "POST each event to this https address")
    .option("--file <name>", "append each event to this file in the server's folder for them")
    .option("--syslog <url>", "send each event to this syslog server: tls://HOST:PORT, tcp:// or udp://")
    .option("--nats <host:port>", "publish each event to a JetStream stream of this NATS server, with --subject")
    .option("--kafka <host:port>", "produce each event to this Kafka broker, with --topic; may be repeated", collect)
    .option("--otlp <url>", "send each event as a log record of OpenTelemetry, such as https://HOST:4318/v1/logs")
    .option("--target <json>", `any target as JSON, such as '{"syslog":{"host":"log.example"}}'`)
    .option("--format <name>", `${FORMATS.join(", ")} (default: standard for webhooks, raw for the others)`)
    .option("--header <name:value>", "send this header too, not secret; may be repeated", collect)
    .option("--x-webhook-headers", "send the older X-Webhook-* headers too")
    .option("--max-bytes <number>", "size at which a new file is begun", wholeNumber("--max-bytes", 1, 1_099_511_627_776))
    .option("--max-files <number>", "older files that are kept", wholeNumber("--max-files", 1, 1000))
    .option("--subject <name>", "subject of NATS messages")
    .option("--topic <name>", "topic of Kafka records")
    .option("--partition <number>", "partition of the topic (default: 0)", wholeNumber("--partition", 0, 1_000_000))
    .option("--sasl <mechanism>", `how to sign in to Kafka with the secret NAME:PASSWORD: ${SASL.join(", ")}`)
    .option("--plaintext", "NATS and Kafka: in the clear, without TLS");

/** One of a list of names; dashes count as underscores. @throws {UsageError} */
export function oneOf<T extends string>(what: string, value: string | undefined, names: readonly T[]): T | undefined {
  const found = names.find((name) => name === value?.replaceAll("-", "_"));
  if (value !== undefined && found === undefined) throw usageError(`${what} is one of ${names.join(", ")}`);
  return found;
}

const dashed = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The target that the options name; undefined when they name none. @throws {UsageError} */
export function sinkTargetOf(options: SinkTargetOptions): SinkTarget | undefined {
  const named = PLACES.filter((place) => options[place] !== undefined);
  const [place] = named;
  if (named.length > 1) throw usageError(`pass one of ${PLACES.map(dashed).join(", ")}`);
  for (const [detail, places] of Object.entries(DETAILS) as [keyof SinkTargetOptions, readonly Place[]][]) {
    if (options[detail] === undefined || (place !== undefined && places.includes(place))) continue;
    throw usageError(`${dashed(detail)} goes with ${places.map(dashed).join(" or ")}`);
  }
  return place === undefined ? undefined : TARGETS[place](options);
}

const formatOf = ({ format }: SinkTargetOptions): SinkFormatName | undefined => oneOf("--format", format, FORMATS);

const TARGETS: Readonly<Record<Place, (options: SinkTargetOptions) => SinkTarget>> = {
  webhook: (options) => ({
    webhook: {
      url: options.webhook ?? "",
      format: formatOf(options),
      xWebhookHeaders: options.xWebhookHeaders,
      headers: headersOf(options),
    },
  }),
  file: (options) => ({
    file: {
      file: options.file ?? "",
      format: formatOf(options),
      maxBytes: options.maxBytes === undefined ? undefined : BigInt(options.maxBytes),
      maxFiles: options.maxFiles,
    },
  }),
  syslog: (options) => ({ syslog: { ...syslogPlace(options.syslog ?? ""), format: formatOf(options) } }),
  nats: (options) => {
    if (options.subject === undefined) throw usageError("--nats needs --subject");
    return {
      nats: {
        ...hostAndPort("--nats", options.nats ?? ""),
        subject: options.subject,
        format: formatOf(options),
        plaintext: options.plaintext,
      },
    };
  },
  kafka: (options) => {
    if (options.topic === undefined) throw usageError("--kafka needs --topic");
    return {
      kafka: {
        brokers: options.kafka ?? [],
        topic: options.topic,
        partition: options.partition,
        format: formatOf(options),
        sasl: oneOf("--sasl", options.sasl, SASL),
        plaintext: options.plaintext,
      },
    };
  },
  otlp: (options) => ({ otlpLogs: { url: options.otlp ?? "", format: formatOf(options), headers: headersOf(options) } }),
  target: ({ target = "" }) => parsedTarget(target),
};

const headersOf = ({ header = [] }: SinkTargetOptions): { name: string; value: string }[] =>
  header.map((text) => {
    const [, name = "", value = ""] = /^([A-Za-z0-9-]+): ?(.*)$/.exec(text) ?? [];
    if (name === "") throw usageError("--header is NAME:VALUE");
    return { name, value };
  });

/** HOST, HOST:PORT or [ADDRESS]:PORT. */
function hostAndPort(option: string, text: string): { host: string; port?: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
    throw usageError(`${option}: '${text}' is not HOST or HOST:PORT`);
  return port === undefined ? { host } : { host, port: Number(port) };
}

function syslogPlace(text: string): Pick<SyslogTarget, "host" | "port" | "transport"> {
  const [, transport, place = ""] = /^(tls|tcp|udp):\/\/(.*)$/.exec(text) ?? [];
  if (transport === undefined) throw usageError("--syslog begins with tls://, tcp:// or udp://");
  return { ...hostAndPort("--syslog", place), transport: transport as "tls" | "tcp" | "udp" };
}

/** A target as the client takes it; the server says what is wrong inside. */
function parsedTarget(text: string): SinkTarget {
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw usageError("--target is a JSON object");
}
