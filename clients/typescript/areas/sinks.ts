/** Sinks: where events of the audit log are sent. */
import type { Ways } from "../operation-ways.ts";

export type EventSeverity = "debug" | "info" | "warning" | "error" | "critical";
export type FilterPreset = "security_only" | "key_lifecycle" | "system_events" | "high_severity";
export type SinkFormatName = "standard" | "raw" | "cloudevents" | "cloudevents_binary" | "cef" | "ocsf";

export interface WebhookTarget {
  readonly url: string;
  readonly format?: SinkFormatName | undefined;
  /** The older X-Webhook-* headers too. */
  readonly xWebhookHeaders?: boolean | undefined;
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
}

export interface FileTarget {
  /** Name of a file in the server's folder for them. */
  readonly file: string;
  readonly format?: SinkFormatName | undefined;
  readonly maxBytes?: bigint | undefined;
  readonly maxFiles?: number | undefined;
}

export interface SyslogTarget {
  readonly host: string;
  readonly port?: number | undefined;
  readonly transport?: "tls" | "tcp" | "udp" | undefined;
  readonly format?: SinkFormatName | undefined;
  readonly hostname?: string | undefined;
}

export interface NatsTarget {
  readonly host: string;
  readonly port?: number | undefined;
  readonly subject: string;
  readonly format?: SinkFormatName | undefined;
  readonly plaintext?: boolean | undefined;
}

export interface KafkaTarget {
  /** HOST or HOST:PORT; the first that answers is asked. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partition?: number | undefined;
  readonly format?: SinkFormatName | undefined;
  readonly sasl?: "scram_sha_512" | "scram_sha_256" | "plain" | undefined;
  readonly plaintext?: boolean | undefined;
}

export interface OtlpLogsTarget {
  /** Whole, such as https://collector.example:4318/v1/logs. */
  readonly url: string;
  readonly format?: SinkFormatName | undefined;
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
}

/** Exactly one of these. */
export interface SinkTarget {
  readonly kafka?: KafkaTarget | undefined;
  readonly otlpLogs?: OtlpLogsTarget | undefined;
  readonly syslog?: SyslogTarget | undefined;
  readonly nats?: NatsTarget | undefined;
  readonly webhook?: WebhookTarget | undefined;
  readonly file?: FileTarget | undefined;
}

/** What is left out lets everything pass; without types and severity, what is `info` or graver. */
export interface SinkFilter {
  readonly preset?: FilterPreset | "" | undefined;
  /** Types, such as key.created, or areas: key.* */
  readonly includeEvents?: readonly string[] | undefined;
  readonly excludeEvents?: readonly string[] | undefined;
  readonly includeNamespaces?: readonly string[] | undefined;
  readonly excludeNamespaces?: readonly string[] | undefined;
  readonly minSeverity?: EventSeverity | undefined;
}

export interface SinkRetry {
  readonly timeoutSeconds?: number | undefined;
  readonly maxRetries?: number | undefined;
  readonly delayMs?: number | undefined;
}

export interface SinkStatus {
  /** delivering, waiting, blocked, disabled or ended. */
  readonly state: string;
  readonly position: bigint;
  readonly behind: bigint;
  readonly deadLetters: number;
  readonly delivered: bigint;
  readonly lastError: string;
  readonly lastDeliveryAt?: Date;
  /** Events that were gone from the log before they were delivered. */
  readonly missed: bigint;
}

export interface Sink {
  readonly sinkId: string;
  readonly name: string;
  /** Empty = every namespace's events, and the server's. */
  readonly namespace: string;
  readonly enabled: boolean;
  readonly target: SinkTarget;
  readonly filter: SinkFilter;
  readonly retry: SinkRetry;
  readonly createdBy: string;
  readonly createdAt?: Date;
  readonly updatedAt?: Date;
  readonly status?: SinkStatus;
}

export interface Delivery {
  readonly time?: Date;
  readonly firstSequence: bigint;
  readonly lastSequence: bigint;
  readonly delivered: number;
  /** delivered, refused, unavailable, or missed: gone from the log before they were delivered. */
  readonly outcome: string;
  readonly detail: string;
  readonly durationMs: number;
}

export interface DeadLetter {
  readonly sequence: bigint;
  readonly eventId: string;
  readonly type: string;
  readonly reason: string;
  readonly time?: Date;
}

export interface CreateSinkRequest {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly target: SinkTarget;
  readonly filter?: SinkFilter | undefined;
  readonly retry?: SinkRetry | undefined;
  readonly disabled?: boolean | undefined;
  /** whsec_ and base64, or 16 bytes or more; left out, the vault makes one where the kind has any. */
  readonly secret?: Uint8Array | undefined;
  readonly fromSequence?: bigint | undefined;
}

/** Which sink; the namespace is the sink's own. */
export interface SinkName {
  readonly namespace?: string | undefined;
  readonly sinkId: string;
}

/** What is left out stays as it is. */
export interface UpdateSinkRequest extends SinkName {
  readonly name?: string | undefined;
  readonly target?: SinkTarget | undefined;
  readonly filter?: SinkFilter | undefined;
  readonly retry?: SinkRetry | undefined;
  readonly enabled?: boolean | undefined;
}

export interface RotateSinkSecretRequest extends SinkName {
  readonly secret?: Uint8Array | undefined;
  readonly overlapSeconds?: number | undefined;
}

/** `secret` is there when the vault made it, this once. */
export interface SinkWithSecret {
  readonly sink: Sink;
  readonly secret: Buffer;
}

export interface SinkOperations {
  createSink(request: CreateSinkRequest): Promise<SinkWithSecret>;
  getSink(request: SinkName): Promise<Sink>;
  listSinks(request?: { readonly namespace?: string | undefined }): Promise<readonly Sink[]>;
  updateSink(request: UpdateSinkRequest): Promise<Sink>;
  deleteSink(request: SinkName): Promise<object>;
  testSink(request: SinkName): Promise<Delivery>;
  listDeliveries(request: SinkName): Promise<{ readonly deliveries: readonly Delivery[]; readonly deadLetters: readonly DeadLetter[] }>;
  redeliverDelivery(request: SinkName & { readonly sequence: bigint }): Promise<Delivery>;
  rotateSinkSecret(request: RotateSinkSecretRequest): Promise<SinkWithSecret>;
}

export const SINK_OPERATIONS: Ways<SinkOperations> = {
  createSink: "CreateSink",
  getSink: ["GetSink", "sink"],
  listSinks: ["ListSinks", "sinks"],
  updateSink: ["UpdateSink", "sink"],
  deleteSink: "DeleteSink",
  testSink: ["TestSink", "delivery"],
  listDeliveries: "ListDeliveries",
  redeliverDelivery: ["RedeliverDelivery", "delivery"],
  rotateSinkSecret: "RotateSinkSecret",
};
