/**
 * Records in a batch of format 2, uncompressed, numbered by an idempotent producer.
 *
 * @see Kafka documentation, "Record Batch" and "Record"; KIP-98
 */
import { crc32c } from "./crc32c.ts";
import { Writer } from "./wire.ts";

export interface KafkaRecord {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who produces, as a broker has named it. */
export interface Producer {
  readonly id: bigint;
  readonly epoch: number;
}

const FORMAT = 2;
const MOST_SEQUENCE = 0x7fffffff;

/** Sequence numbers of records go round. */
export const sequenceAfter = (sequence: number, records: number): number => (sequence + records) % (MOST_SEQUENCE + 1);

const counted = (writer: Writer, bytes: Buffer): Writer => writer.varint(bytes.length).raw(bytes);

export function recordBytes({ timestamp, key, value, headers }: KafkaRecord, first: number, position: number): Buffer {
  const body = new Writer()
    .int8(0)
    .varint(timestamp - first)
    .varint(position);
  counted(counted(body, key), value);
  const list = Object.entries(headers);
  body.varint(list.length);
  for (const [name, text] of list) counted(counted(body, Buffer.from(name, "utf8")), Buffer.from(text, "utf8"));
  const bytes = body.done();
  return counted(new Writer(), bytes).done();
}

/** @param records at least one @param sequence of the first of them, 0 to 2^31 - 1 */
export function recordBatch(records: readonly KafkaRecord[], producer: Producer, sequence: number): Buffer {
  const first = records[0]?.timestamp ?? 0;
  const guarded = new Writer()
    // No compression, the producer's times, no transaction.
    .int16(0)
    .int32(records.length - 1)
    .int64(BigInt(first))
    .int64(BigInt(Math.max(...records.map(({ timestamp }) => timestamp))))
    .int64(producer.id)
    .int16(producer.epoch)
    .int32(sequence)
    .int32(records.length);
  records.forEach((record, position) => guarded.raw(recordBytes(record, first, position)));
  const bytes = guarded.done();
  // The length counts from the leader's epoch, which is the broker's to write.
  const rest = new Writer().int32(-1).int8(FORMAT).uint32(crc32c(bytes)).raw(bytes).done();
  return new Writer().int64(0n).bytes(rest).done();
}
