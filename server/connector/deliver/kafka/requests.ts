/**
 * The requests that a producer makes, one row each, and what is read of their answers.
 *
 * Versions are the oldest that every broker from 0.11 to 4.x has: they are frozen, and have no tagged fields.
 *
 * @see Kafka protocol guide, "The Messages"; KIP-896 (the oldest versions that stay)
 */
import type { Producer } from "./record-batch.ts";
import { Reader, Writer } from "./wire.ts";

/** One kind of request. */
export interface Api<Asked, Answered> {
  readonly name: string;
  readonly key: number;
  readonly version: number;
  write(asked: Asked, to: Writer): unknown;
  read(from: Reader): Answered;
}

const api = <Asked, Answered>(row: Api<Asked, Answered>): Api<Asked, Answered> => Object.freeze(row);

export interface ApiRange {
  readonly key: number;
  readonly oldest: number;
  readonly newest: number;
}

export const API_VERSIONS = api<undefined, { readonly error: number; readonly ranges: readonly ApiRange[] }>({
  name: "ApiVersions",
  key: 18,
  version: 0,
  write: () => undefined,
  read: (from) => ({
    error: from.int16(),
    ranges: from.array(() => ({ key: from.int16(), oldest: from.int16(), newest: from.int16() })),
  }),
});

export const SASL_HANDSHAKE = api<string, { readonly error: number; readonly mechanisms: readonly string[] }>({
  name: "SaslHandshake",
  key: 17,
  version: 1,
  write: (mechanism, to) => to.string(mechanism),
  read: (from) => ({ error: from.int16(), mechanisms: from.array(() => from.string()) }),
});

export const SASL_AUTHENTICATE = api<Buffer, { readonly error: number; readonly message: Buffer }>({
  name: "SaslAuthenticate",
  key: 36,
  version: 0,
  write: (message, to) => to.bytes(message),
  read: (from) => {
    const error = from.int16();
    // For people, and by whoever answered: nothing of it is repeated.
    from.nullableString();
    return { error, message: from.bytes() };
  },
});

export interface Broker {
  readonly node: number;
  readonly host: string;
  readonly port: number;
}

export interface TopicPartition {
  readonly error: number;
  readonly partition: number;
  /** Its node; -1 when there is none. */
  readonly leader: number;
}

export interface Metadata {
  readonly brokers: readonly Broker[];
  readonly topics: readonly { readonly error: number; readonly name: string; readonly partitions: readonly TopicPartition[] }[];
}

/** About one topic, which is not made by that. */
export const METADATA = api<string, Metadata>({
  name: "Metadata",
  key: 3,
  version: 4,
  write: (topic, to) => to.array([topic], (name) => to.string(name)).int8(0),
  read: (from) => {
    from.int32();
    const brokers = from.array(() => {
      const broker = { node: from.int32(), host: from.string(), port: from.int32() };
      from.nullableString();
      return broker;
    });
    from.nullableString();
    from.int32();
    const topics = from.array(() => {
      const topic = { error: from.int16(), name: from.string() };
      from.bool();
      const partitions = from.array(() => {
        const partition = { error: from.int16(), partition: from.int32(), leader: from.int32() };
        from.array(() => from.int32());
        from.array(() => from.int32());
        return partition;
      });
      return { ...topic, partitions };
    });
    return { brokers, topics };
  },
});

export const INIT_PRODUCER_ID = api<undefined, Producer & { readonly error: number }>({
  name: "InitProducerId",
  key: 22,
  version: 0,
  // No transaction, and so no time-out of one.
  write: (_, to) => to.string(null).int32(0),
  read: (from) => {
    from.int32();
    return { error: from.int16(), id: from.int64(), epoch: from.int16() };
  },
});

export interface Produced {
  readonly topic: string;
  readonly partition: number;
  /** Of one batch. */
  readonly batch: Buffer;
  readonly timeoutMs: number;
}

const ALL_IN_STEP = -1;

/** Answered once every replica that is in step has the batch. */
export const PRODUCE = api<Produced, { readonly partition: number; readonly error: number }>({
  name: "Produce",
  key: 0,
  version: 3,
  write: ({ topic, partition, batch, timeoutMs }, to) =>
    to
      .string(null)
      .int16(ALL_IN_STEP)
      .int32(timeoutMs)
      .array([topic], (name) => to.string(name).array([partition], (number) => to.int32(number).bytes(batch))),
  read: (from) => {
    const [first] = from
      .array(() => {
        from.string();
        return from.array(() => {
          const answer = { partition: from.int32(), error: from.int16() };
          from.int64();
          from.int64();
          return answer;
        });
      })
      .flat();
    // An answer that is about nothing is none.
    return first ?? { partition: -1, error: -1 };
  },
});

/** What must be spoken. */
export const REQUIRED: readonly Pick<Api<never, unknown>, "name" | "key" | "version">[] = [METADATA, INIT_PRODUCER_ID, PRODUCE];

/** What is wrong, by number. `refused`: with these records, however often they come. */
export interface KafkaError {
  readonly name: string;
  readonly refused?: true;
  /** The broker has the records already. */
  readonly arrived?: true;
  /** Our numbers are worth nothing any more. */
  readonly producerLost?: true;
}

/** Errors that a producer may meet; others are told by their number. */
export const ERRORS: Readonly<Record<number, KafkaError>> = Object.freeze({
  3: { name: "UNKNOWN_TOPIC_OR_PARTITION" },
  5: { name: "LEADER_NOT_AVAILABLE" },
  6: { name: "NOT_LEADER_OR_FOLLOWER" },
  7: { name: "REQUEST_TIMED_OUT" },
  10: { name: "MESSAGE_TOO_LARGE", refused: true },
  14: { name: "COORDINATOR_LOAD_IN_PROGRESS" },
  18: { name: "RECORD_LIST_TOO_LARGE", refused: true },
  19: { name: "NOT_ENOUGH_REPLICAS" },
  20: { name: "NOT_ENOUGH_REPLICAS_AFTER_APPEND" },
  29: { name: "TOPIC_AUTHORIZATION_FAILED" },
  31: { name: "CLUSTER_AUTHORIZATION_FAILED" },
  32: { name: "INVALID_TIMESTAMP", refused: true },
  33: { name: "UNSUPPORTED_SASL_MECHANISM" },
  45: { name: "OUT_OF_ORDER_SEQUENCE_NUMBER", producerLost: true },
  46: { name: "DUPLICATE_SEQUENCE_NUMBER", arrived: true },
  47: { name: "INVALID_PRODUCER_EPOCH", producerLost: true },
  56: { name: "KAFKA_STORAGE_ERROR" },
  58: { name: "SASL_AUTHENTICATION_FAILED" },
  59: { name: "UNKNOWN_PRODUCER_ID", producerLost: true },
  87: { name: "INVALID_RECORD", refused: true },
});

/** For people. */
export const errorText = (error: number): string => `the broker answered ${ERRORS[error]?.name ?? `error ${error}`}`;
