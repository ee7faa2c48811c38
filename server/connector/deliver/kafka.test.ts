import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Delivered } from "@keystead/channel/deliver-call";
import { KafkaSasl, KafkaTargetSchema, SinkFormat } from "@keystead/contract/generated/hsm/sinks_pb";
import { sinkEvent } from "./event.ts";
import { kafkaSink } from "./kafka.ts";
import { UnusableTarget, type Surroundings } from "./sink.ts";
import { certified } from "./testing/certificates.ts";
import { KAFKA_LOGIN, KAFKA_MISSING, KafkaBroker, type Listener } from "./testing/kafka-broker.ts";
import { logLine, sinkEvents, surroundings } from "./testing.ts";

const always = (): boolean => true;
let broker: KafkaBroker = undefined as never;
const skip = KAFKA_MISSING;
before(async () => {
  if (skip === false) broker = await KafkaBroker.start();
});
after(() => broker?.end());

type More = {
  readonly listener?: Listener;
  readonly target?: MessageInitShape<typeof KafkaTargetSchema>;
  readonly secret?: string;
  readonly surroundings?: Partial<Surroundings>;
  readonly events?: ReturnType<typeof sinkEvents>;
};

function opened(topic: string, { listener = "tls", target, secret, surroundings: around }: More = {}) {
  const whole = create(KafkaTargetSchema, { brokers: [`localhost:${broker.portOf(listener)}`], topic, ...target });
  const secrets = secret === undefined ? [] : [Buffer.from(secret)];
  return kafkaSink(whole, secrets, surroundings({ authorities: [broker.authority], timeoutMs: 20_000, ...around }));
}

/** Delivers by a sink of its own. */
async function deliver(topic: string, more: More = {}): Promise<Delivered> {
  const sink = opened(topic, more);
  try {
    return await sink.deliver(more.events ?? sinkEvents(1, 3), always);
  } finally {
    sink.close();
  }
}
const outcome = ({ delivered, failure }: Delivered): unknown[] => [delivered, failure?.kind];
const sequences = async (topic: string, partition = 0): Promise<number[]> =>
  (await broker.records(topic, partition)).map(({ value }) => (JSON.parse(value) as { event: { sequence: number } }).event.sequence);

test("a record is the line of the log, under the event's id, at the time it was sent", { skip }, async () => {
  const topic = await broker.newTopic();
  const event = sinkEvent(logLine(1, { principal: "Ada Ü 🔑" }));
  // Not the event's own, months ago: topics keep records by their time, and one that has just come is not old.
  const now = Date.now() - 5000;
  assert.deepEqual(await deliver(topic, { events: [event], surroundings: { now: () => now } }), { delivered: 1 });
  assert.deepEqual(await broker.records(topic), [
    { key: event.id, value: event.line, timestamp: now, headers: { "content-type": "application/json" } },
  ]);
});

test("a CloudEvent in binary mode has its attributes in headers and the event as its value", { skip }, async () => {
  const topic = await broker.newTopic();
  const event = sinkEvent(logLine(7, { key: "Schlüssel" }));
  assert.deepEqual(await deliver(topic, { events: [event], target: { format: SinkFormat.CLOUDEVENTS_BINARY } }), { delivered: 1 });
  const [record] = await broker.records(topic);
  assert.equal(record?.value, event.canonical);
  const { "content-type": contentType, ce_id, ce_specversion, ce_type, ce_subject, ce_sequence, ce_source } = record.headers;
  assert.deepEqual(
    [contentType, ce_id, ce_specversion, ce_type, ce_subject, ce_sequence, ce_source],
    ["application/json", event.id, "1.0", "key.created", "default/Schlüssel", "7", "urn:keystead:test"],
  );
});

test("a thousand events, more than one batch of them, stay in order", { skip }, async () => {
  const topic = await broker.newTopic();
  const events = Array.from({ length: 1000 }, (_, index) => sinkEvent(logLine(index + 1, { principal: "x".repeat(1500) })));
  assert.deepEqual(await deliver(topic, { events }), { delivered: 1000 });
  assert.deepEqual(
    await sequences(topic),
    events.map(({ event }) => event.sequence),
  );
});

test("a batch whose answer is lost does not count, and is there once when it has come again", { skip }, async () => {
  const topic = await broker.newTopic();
  const sink = opened(topic, { listener: "behind", target: { plaintext: true } });
  try {
    assert.deepEqual(await sink.deliver(sinkEvents(1, 3), always), { delivered: 3 });
    broker.loseNextAnswer();
    assert.deepEqual(outcome(await sink.deliver(sinkEvents(4, 6), always)), [0, "unavailable"]);
    // More than before comes now: what had no answer is sent as it was, and the rest after it.
    assert.deepEqual(await sink.deliver(sinkEvents(4, 9), always), { delivered: 6 });
    assert.deepEqual(await sequences(topic), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Something else comes instead: it arrives, under numbers that are not taken.
    broker.loseNextAnswer();
    assert.deepEqual(outcome(await sink.deliver(sinkEvents(10, 12), always)), [0, "unavailable"]);
    assert.deepEqual(await sink.deliver(sinkEvents(13, 14), always), { delivered: 2 });
    assert.deepEqual((await sequences(topic)).slice(9), [10, 11, 12, 13, 14]);
  } finally {
    sink.close();
  }
});

test(
  "an event larger than its topic takes is refused, what is before it in the batch arrives, and what follows can",
  { skip },
  async () => {
    const topic = await broker.newTopic({ settings: { "max.message.bytes": "65536" } });
    const large = sinkEvent(logLine(3, { principal: "x".repeat(70_000) }));
    assert.deepEqual(outcome(await deliver(topic, { events: [...sinkEvents(1, 2), large, ...sinkEvents(4, 4)] })), [2, "refused"]);
    assert.deepEqual(await deliver(topic, { events: sinkEvents(4, 5) }), { delivered: 2 });
    assert.deepEqual(await sequences(topic), [1, 2, 4, 5]);
  },
);

test("events go into the partition that was named, and no other", { skip }, async () => {
  const topic = await broker.newTopic({ partitions: 3 });
  assert.deepEqual(await deliver(topic, { target: { partition: 2 } }), { delivered: 3 });
  assert.deepEqual(await Promise.all([0, 2].map((partition) => sequences(topic, partition))), [[], [1, 2, 3]]);
});

test("a topic or a partition that is not there waits, and is not made", { skip }, async () => {
  const topic = await broker.newTopic();
  // Twice, because asking for a topic could make it.
  for (const [name, partition] of [
    ["nowhere", 0],
    ["nowhere", 0],
    [topic, 1],
  ] as const)
    assert.deepEqual(outcome(await deliver(name, { target: { partition } })), [0, "unavailable"]);
});

test("a broker without TLS gets nothing from a sink that did not say plaintext, and the other way round", { skip }, async () => {
  const topic = await broker.newTopic();
  const around = { timeoutMs: 3000 };
  assert.deepEqual(outcome(await deliver(topic, { listener: "clear", surroundings: around })), [0, "unavailable"]);
  assert.deepEqual(outcome(await deliver(topic, { target: { plaintext: true }, surroundings: around })), [0, "unavailable"]);
  assert.deepEqual(await sequences(topic), []);
  assert.deepEqual(await deliver(topic, { listener: "clear", target: { plaintext: true } }), { delivered: 3 });
});

test(
  "a broker of another authority, or with another name, gets nothing, and an address that may not be dialled is not",
  { skip },
  async (t) => {
    const topic = await broker.newTopic();
    const folder = mkdtempSync(join(tmpdir(), "keystead-kafka-ca-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    for (const around of [{ authorities: [certified(folder, "x").ca] }, { mayDial: () => false }])
      assert.deepEqual(outcome(await deliver(topic, { surroundings: around })), [0, "unavailable"]);
    assert.deepEqual(await sequences(topic), []);
  },
);

test("a broker that says the partition is at an address that may not be dialled is not followed there", { skip }, async () => {
  const topic = await broker.newTopic();
  const { delivered, failure } = await deliver(topic, { listener: "elsewhere", target: { plaintext: true } });
  assert.deepEqual([delivered, failure?.kind], [0, "unavailable"]);
  assert.match(failure?.reason ?? "", /^127\.0\.0\.2 may not be dialled/);
});

test("a broker that does not answer costs its share of the time, and the next one is asked", { skip }, async (t) => {
  const topic = await broker.newTopic();
  const silent = createServer((socket) => void socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const brokers = [`localhost:${(silent.address() as AddressInfo).port}`, `localhost:${broker.port}`];
  assert.deepEqual(await deliver(topic, { target: { brokers }, surroundings: { timeoutMs: 16_000 } }), { delivered: 3 });
});

test("a name and its password sign in by SCRAM and by PLAIN; without them, or with others, nothing counts", { skip }, async () => {
  const topic = await broker.newTopic();
  const { name, password } = KAFKA_LOGIN;
  const secret = `${name}:${password}`;
  const around = { timeoutMs: 5000 };
  for (const sasl of [KafkaSasl.UNSPECIFIED, KafkaSasl.SCRAM_SHA_256, KafkaSasl.SCRAM_SHA_512, KafkaSasl.PLAIN]) {
    assert.deepEqual(await deliver(topic, { listener: "signed", target: { sasl }, secret }), { delivered: 3 });
    for (const wrong of [undefined, `${name}:wrong`, `somebody:${password}`])
      assert.deepEqual(
        outcome(
          await deliver(topic, {
            listener: "signed",
            target: { sasl },
            surroundings: around,
            ...(wrong === undefined ? {} : { secret: wrong }),
          }),
        ),
        [0, "unavailable"],
      );
  }
  assert.deepEqual(await deliver(topic, { listener: "signedclear", target: { plaintext: true }, secret: `${secret}\r\n` }), {
    delivered: 3,
  });
  assert.equal((await broker.records(topic)).length, 15);
});

test("our own certificate signs in where the broker asks for one", { skip }, async () => {
  const topic = await broker.newTopic();
  assert.deepEqual(outcome(await deliver(topic, { listener: "mutual" })), [0, "unavailable"]);
  const { certPath, keyPath } = certified(broker.folder, "client.test");
  const secret = readFileSync(certPath, "utf8") + readFileSync(keyPath, "utf8");
  assert.deepEqual(await deliver(topic, { listener: "mutual", secret }), { delivered: 3 });
});

test("a target that cannot work is refused when it is opened", () => {
  const refused = (more: MessageInitShape<typeof KafkaTargetSchema>, secret?: string): void => {
    const target = create(KafkaTargetSchema, { brokers: ["127.0.0.1"], topic: "a", ...more });
    assert.throws(() => kafkaSink(target, secret === undefined ? [] : [Buffer.from(secret)], surroundings()), UnusableTarget);
  };
  refused({ format: 99 as SinkFormat });
  refused({ brokers: ["127.0.0.1:70000"] });
  refused({}, "no colon");
  refused({ plaintext: true, sasl: KafkaSasl.PLAIN }, "name:password");
  refused({ plaintext: true }, "-----BEGIN CERTIFICATE-----");
});
