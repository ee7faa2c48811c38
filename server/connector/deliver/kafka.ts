/**
 * Kafka: each event as one record of one partition, in the order of the log.
 *
 * The protocol is our own here (kafka/), so that every broker is dialled by address rules and certificates like anything else:
 * the first broker names the one that has the partition, and a name is no permission. Batches are numbered as an idempotent
 * producer numbers them. A batch without an answer is kept in mind and sent again as it was, with the same numbers, so that its
 * leader knows it; a new start of this process has new numbers, and then the records' keys tell repetitions.
 *
 * @see Kafka protocol guide; KIP-98 (idempotent producer); CloudEvents Kafka Protocol Binding 1.0.2
 */
import type { Delivered } from "@keystead/channel/deliver-call";
import { KafkaSasl, SinkFormat, type KafkaTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import { reasonOf, unavailable, type Destination } from "../dial.ts";
import type { SinkEvent } from "./event.ts";
import { cloudEventAttributes } from "./formats/cloud-event.ts";
import { FORMATS } from "./formats/format.ts";
import { KafkaConnection, type Login } from "./kafka/connection.ts";
import { recordBatch, recordBytes, sequenceAfter, type KafkaRecord, type Producer } from "./kafka/record-batch.ts";
import { ERRORS, INIT_PRODUCER_ID, METADATA, PRODUCE, errorText } from "./kafka/requests.ts";
import { ownCertificate } from "./own-certificate.ts";
import { withoutNewline } from "./secret-text.ts";
import { UnusableTarget, type OpenSink, type Surroundings } from "./sink.ts";

const DEFAULT_PORT = 9092;
/** Of the records of a batch; a single record may be larger, and the broker judges it. Brokers take 1 MiB if not told otherwise. */
const MOST_BATCH_BYTES = 524_288;
const MOST_BATCH_RECORDS = 500;

const MECHANISMS: Readonly<Record<KafkaSasl, Login["mechanism"]>> = {
  [KafkaSasl.UNSPECIFIED]: "SCRAM-SHA-512",
  [KafkaSasl.SCRAM_SHA_512]: "SCRAM-SHA-512",
  [KafkaSasl.SCRAM_SHA_256]: "SCRAM-SHA-256",
  [KafkaSasl.PLAIN]: "PLAIN",
};

/** An event and what becomes of it. */
interface Outgoing {
  readonly id: string;
  readonly record: KafkaRecord;
}

/** What the leader knows us by, and what it has been sent without an answer. */
interface Session {
  readonly producer: Producer;
  /** Of the next record. */
  sequence: number;
  unanswered?: readonly string[];
}

type Failure = NonNullable<Delivered["failure"]>;

export const kafkaSink: OpenSink<KafkaTarget> = (target, secrets, surroundings) => {
  const recordOf = records(target.format, surroundings);
  const brokers = target.brokers.map(brokerOf);
  const { login, tls } = credentials(target, secrets[0], surroundings);
  const { mayDial, timeoutMs } = surroundings;
  const { topic, partition } = target;
  let leader: KafkaConnection | undefined;
  let session: Session | undefined;

  const open = (broker: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<KafkaConnection> =>
    KafkaConnection.open({ ...broker, ...(tls === undefined ? {} : { tls }) } satisfies Destination, login, mayDial, signal);

  /** The broker that has the partition, by what another one says. */
  const leaderBy = async (first: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<KafkaConnection> => {
    const connection = await open(first, signal);
    try {
      const metadata = await connection.ask(METADATA, topic, signal);
      const found = metadata.topics.find(({ name }) => name === topic);
      if (found === undefined || found.error !== 0) throw unavailable(errorText(found?.error ?? 3));
      const place = found.partitions.find((one) => one.partition === partition);
      if (place === undefined) throw unavailable(`the topic has no partition ${partition}`);
      const broker = metadata.brokers.find(({ node }) => node === place.leader);
      if (broker === undefined) throw unavailable(`partition ${partition} has no leader`);
      if (broker.host === first.host && broker.port === first.port) return connection;
      connection.close();
      return await open(broker, signal);
    } catch (error) {
      connection.close();
      throw error;
    }
  };

  const connected = async (signal: AbortSignal): Promise<KafkaConnection> => {
    if (leader?.usable === true) return leader;
    let last: unknown;
    for (const broker of brokers) {
      // A broker that does not answer leaves time for the others.
      const share = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs / brokers.length))]);
      try {
        return (leader = await leaderBy(broker, share));
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };

  /** Sends one batch. @returns why it did not arrive @throws what is in the way */
  const produce = async (batch: readonly Outgoing[]): Promise<Failure | undefined> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const connection = await connected(signal);
    if (session === undefined) {
      const { error, id, epoch } = await connection.ask(INIT_PRODUCER_ID, undefined, signal);
      if (error !== 0) throw unavailable(errorText(error));
      session = { producer: { id, epoch }, sequence: 0 };
    }
    session.unanswered = batch.map(({ id }) => id);
    const bytes = recordBatch(
      batch.map(({ record }) => record),
      session.producer,
      session.sequence,
    );
    const { error } = await connection.ask(PRODUCE, { topic, partition, batch: bytes, timeoutMs }, signal);
    const { refused, arrived, producerLost } = ERRORS[error] ?? {};
    if (error === 0 || arrived === true) {
      session.sequence = sequenceAfter(session.sequence, batch.length);
      delete session.unanswered;
      return undefined;
    }
    if (refused === true) {
      delete session.unanswered;
      return { kind: "refused", reason: errorText(error) };
    }
    if (producerLost === true) session = undefined;
    throw unavailable(errorText(error));
  };

  /** The first so many of what is to be sent: what had no answer once more, or what fits. */
  const nextBatch = (events: readonly Outgoing[], most: number): readonly Outgoing[] => {
    const before = session?.unanswered;
    if (before !== undefined) {
      if (before.length <= events.length && before.every((id, position) => id === events[position]?.id))
        return events.slice(0, before.length);
      // Something else comes now: those numbers may be taken.
      session = undefined;
    }
    let bytes = 0;
    const fitting = events
      .slice(0, most)
      .findIndex(({ record }) => (bytes += recordBytes(record, record.timestamp, 0).length) > MOST_BATCH_BYTES);
    return events.slice(0, fitting === -1 ? most : Math.max(1, fitting));
  };

  const hangUp = (): void => {
    leader?.close();
    leader = undefined;
  };

  return {
    async deliver(events, goOn): Promise<Delivered> {
      const outgoing = events.map((event) => ({ id: event.id, record: recordOf(event) }));
      let delivered = 0;
      let most = MOST_BATCH_RECORDS;
      while (delivered < outgoing.length && (delivered === 0 || goOn())) {
        const batch = nextBatch(outgoing.slice(delivered), most);
        try {
          const failure = await produce(batch);
          if (failure !== undefined && batch.length === 1) return { delivered, failure };
          // Of a batch that is refused nothing was written; one after the other shows which record it is.
          if (failure !== undefined) most = 1;
          else delivered += batch.length;
        } catch (thrown) {
          // The next attempt dials anew, and asks anew who has the partition.
          hangUp();
          return { delivered, failure: { kind: "unavailable", reason: reasonOf(thrown) } };
        }
      }
      return { delivered };
    },
    close: hangUp,
  };
};

/**
 * Events as records. Their time is that of sending: a topic that keeps a week counts from a record's time, and would drop what
 * is delivered late as soon as it has it. The event has its own.
 *
 * @throws {UnusableTarget}
 */
function records(asked: SinkFormat, { source, now }: Surroundings): (event: SinkEvent) => KafkaRecord {
  const kind = asked === SinkFormat.UNSPECIFIED ? SinkFormat.RAW : asked;
  const placed = (event: SinkEvent, value: string, headers: KafkaRecord["headers"]): KafkaRecord => ({
    timestamp: now(),
    key: Buffer.from(event.id, "utf8"),
    value: Buffer.from(value, "utf8"),
    headers,
  });
  if (kind === SinkFormat.CLOUDEVENTS_BINARY)
    return (event) => {
      const { datacontenttype = "", ...attributes } = cloudEventAttributes(event, source);
      const named = Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value] as const);
      return placed(event, event.canonical, { "content-type": datacontenttype, ...Object.fromEntries(named) });
    };
  const format = FORMATS[kind];
  if (format === undefined) throw new UnusableTarget("format is none that Kafka has");
  return (event) => placed(event, format.text(event, source), { "content-type": format.contentType });
}

/** HOST, HOST:PORT or [ADDRESS]:PORT. @throws {UnusableTarget} */
function brokerOf(text: string): { host: string; port: number } {
  const [, host = "", port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (number < 1 || number > 65_535) throw new UnusableTarget(`brokers: ${text} has no port`);
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: number };
}

/** @throws {UnusableTarget} */
function credentials(
  { plaintext, sasl }: KafkaTarget,
  secret: Buffer | undefined,
  { authorities }: Surroundings,
): { readonly login: Login | undefined; readonly tls: Destination["tls"] } {
  const tls = plaintext ? undefined : { authorities };
  if (secret === undefined) return { login: undefined, tls };
  if (secret.includes("-----BEGIN ")) {
    if (tls === undefined) throw new UnusableTarget("a secret that is a certificate and its key needs TLS");
    return { login: undefined, tls: { ...tls, ...ownCertificate(secret) } };
  }
  const text = withoutNewline(secret);
  const colon = text.indexOf(":");
  if (colon < 1) throw new UnusableTarget("the secret is neither NAME:PASSWORD nor a certificate and its key");
  const mechanism = MECHANISMS[sasl] ?? "SCRAM-SHA-512";
  if (mechanism === "PLAIN" && tls === undefined) throw new UnusableTarget("a password is sent over TLS alone; use SCRAM, or TLS");
  return { login: { mechanism, name: text.toString("utf8", 0, colon), password: text.subarray(colon + 1) }, tls };
}
