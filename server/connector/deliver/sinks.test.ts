/**
 * What every kind of sink owes (sink.ts): order, one acknowledgement for each event, no loss when the receiver is away, no
 * exception. A kind takes part by a receiver that can be read, and told to refuse or to be gone.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import type { SinkKind } from "@keystead/contract/sink-target";
import { KAFKA_MISSING, KafkaBroker } from "./testing/kafka-broker.ts";
import { NatsServer } from "./testing/nats-server.ts";
import { Rsyslog } from "./testing/rsyslog.ts";
import { SINK_KINDS, openSink } from "./register.ts";
import type { Surroundings } from "./sink.ts";
import { sinkEvents, surroundings } from "./testing.ts";

interface Receiver {
  /** hsm.SinkTarget as JSON. */
  readonly target: unknown;
  readonly secrets: readonly Buffer[];
  readonly more?: Partial<Surroundings>;
  /** Sequence numbers of the events it holds, in the order of their arrival. */
  received(): number[] | Promise<number[]>;
  /** From now on it cannot be reached. */
  goAway(): void | Promise<void>;
  /** It can be reached again, and has kept what it had. */
  comeBack(): void | Promise<void>;
  /** It works, and refuses the event with this number; left out where a protocol has no word for that. */
  refuse?(sequence: number): void;
}

/** What the bodies of requests may hold. */
interface Posted {
  readonly data: { readonly event: { readonly sequence: number } };
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly { readonly body: { readonly stringValue: string } }[] }[];
  }[];
}

/** A server that takes events by POST. */
async function httpReceiver(t: TestContext, eventOf: (body: Posted) => { readonly sequence: number }) {
  const held: number[] = [];
  let refused = -1;
  let away = false;
  const server = createServer(async (asked, reply) => {
    const chunks = await asked.toArray();
    if (away) return void asked.socket.destroy();
    const { sequence } = eventOf(JSON.parse(Buffer.concat(chunks).toString()) as Posted);
    if (sequence === refused) return void reply.writeHead(422).end();
    held.push(sequence);
    reply.writeHead(200, { "content-type": "application/json" }).end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    received: () => held,
    goAway: () => void (away = true),
    comeBack: () => void (away = false),
    refuse: (sequence: number) => void (refused = sequence),
  };
}

const RECEIVERS: Readonly<Record<SinkKind, (t: TestContext) => Promise<Receiver>>> = {
  async webhook(t) {
    const { port, ...receiver } = await httpReceiver(t, (body) => body.data.event);
    return {
      target: { webhook: { url: `http://127.0.0.1:${port}/events` } },
      secrets: [Buffer.alloc(32, 1)],
      ...receiver,
    };
  },
  async otlpLogs(t) {
    const { port, ...receiver } = await httpReceiver(
      t,
      (body) => JSON.parse(body.resourceLogs[0]?.scopeLogs[0]?.logRecords[0]?.body.stringValue ?? "").event,
    );
    return { target: { otlpLogs: { url: `http://127.0.0.1:${port}/v1/logs` } }, secrets: [], ...receiver };
  },
  async file(t) {
    const folder = mkdtempSync(join(tmpdir(), "keystead-file-sink-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "events.log");
    return {
      target: { file: { file: "events.log" } },
      secrets: [],
      more: { filesDir: folder },
      received: () =>
        existsSync(path)
          ? readFileSync(path, "utf8")
              .split("\n")
              .flatMap((line) => (line === "" ? [] : [(JSON.parse(line) as { event: { sequence: number } }).event.sequence]))
          : [],
      // Nobody can open a folder as a file.
      goAway: () => void mkdirSync(path),
      comeBack: () => rmSync(path, { recursive: true }),
    };
  },
  async syslog(t) {
    const folder = mkdtempSync(join(tmpdir(), "keystead-rsyslog-"));
    const server = await Rsyslog.start({ folder });
    t.after(async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    return {
      target: { syslog: { host: "127.0.0.1", port: server.port } },
      secrets: [],
      more: { authorities: [server.authority] },
      received: () =>
        server
          .messages()
          .map((message) => (JSON.parse(message.slice(message.indexOf("\ufeff") + 1)) as { event: { sequence: number } }).event.sequence),
      goAway: () => server.stop(),
      comeBack: () => server.start(),
    };
  },
  async nats(t) {
    const folder = mkdtempSync(join(tmpdir(), "keystead-nats-"));
    const server = await NatsServer.start({ folder });
    t.after(async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    return {
      target: { nats: { host: "127.0.0.1", port: server.port, subject: "audit.events" } },
      secrets: [],
      more: { authorities: [server.authority] },
      received: async () => (await server.messages()).map((text) => (JSON.parse(text) as { event: { sequence: number } }).event.sequence),
      goAway: () => server.stop(),
      comeBack: () => server.start(),
    };
  },
  async kafka() {
    const server = await (broker ??= KafkaBroker.start());
    const topic = await server.newTopic();
    return {
      target: { kafka: { brokers: [`localhost:${server.port}`], topic } },
      secrets: [],
      more: { authorities: [server.authority] },
      received: async () =>
        (await server.records(topic)).map(({ value }) => (JSON.parse(value) as { event: { sequence: number } }).event.sequence),
      goAway: () => server.stop(),
      comeBack: () => server.begin(),
    };
  },
};

/** One for all tests: it takes seconds to start. */
let broker: Promise<KafkaBroker> | undefined;
after(async () => (await broker)?.end());

const always = (): boolean => true;
/** Kinds whose receivers have a word for "not this event"; what the others refuse is in tests of their own. */
const REFUSING: ReadonlySet<SinkKind> = new Set<SinkKind>(["webhook", "otlpLogs"]);
const skipped = (kind: SinkKind): string | false => (kind === "kafka" ? KAFKA_MISSING : false);

for (const kind of SINK_KINDS) {
  const skip = skipped(kind);
  const opened = async (t: TestContext) => {
    const receiver = await RECEIVERS[kind](t);
    const sink = openSink(receiver.target, receiver.secrets, surroundings(receiver.more));
    t.after(() => sink.close());
    return { receiver, sink };
  };

  test(`${kind}: events arrive in their order, and each is counted when it has arrived`, { skip }, async (t) => {
    const { receiver, sink } = await opened(t);
    assert.deepEqual(await sink.deliver(sinkEvents(1, 20), always), { delivered: 20 });
    assert.deepEqual(await sink.deliver(sinkEvents(21, 40), always), { delivered: 20 });
    assert.deepEqual(
      await receiver.received(),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });

  test(`${kind}: while its receiver is away nothing counts as delivered, and later all of it arrives`, { skip }, async (t) => {
    const { receiver, sink } = await opened(t);
    await receiver.goAway();
    for (const _ of [1, 2]) {
      const { delivered, failure } = await sink.deliver(sinkEvents(1, 3), always);
      assert.equal(delivered, 0);
      assert.equal(failure?.kind, "unavailable");
      assert.ok(failure.reason.length > 0 && failure.reason.length <= 200);
    }
    await receiver.comeBack();
    assert.deepEqual(await sink.deliver(sinkEvents(1, 3), always), { delivered: 3 });
    // At least once: what was sent before may be there besides.
    assert.deepEqual((await receiver.received()).slice(-3), [1, 2, 3]);
  });

  if (REFUSING.has(kind))
    test(`${kind}: an event that is refused stops the batch there, and what follows it can be delivered`, { skip }, async (t) => {
      const { receiver, sink } = await opened(t);
      assert.ok(receiver.refuse !== undefined);
      receiver.refuse(3);
      const { delivered, failure } = await sink.deliver(sinkEvents(1, 5), always);
      assert.deepEqual([delivered, failure?.kind], [2, "refused"]);
      assert.deepEqual(await sink.deliver(sinkEvents(4, 5), always), { delivered: 2 });
      assert.deepEqual(await receiver.received(), [1, 2, 4, 5]);
    });

  test(`${kind}: when time is up no further event is begun, and what was delivered is counted`, { skip }, async (t) => {
    const { receiver, sink } = await opened(t);
    const { delivered, failure } = await sink.deliver(sinkEvents(1, 5), () => false);
    assert.equal(failure, undefined);
    assert.ok(delivered >= 1);
    assert.equal((await receiver.received()).length, delivered);
  });

  test(`${kind}: after its end it can be opened again and goes on`, { skip }, async (t) => {
    const { receiver, sink } = await opened(t);
    await sink.deliver(sinkEvents(1, 2), always);
    sink.close();
    const again = openSink(receiver.target, receiver.secrets, surroundings(receiver.more));
    t.after(() => again.close());
    assert.deepEqual(await again.deliver(sinkEvents(3, 4), always), { delivered: 2 });
    assert.deepEqual(await receiver.received(), [1, 2, 3, 4]);
  });
}
