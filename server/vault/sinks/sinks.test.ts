/**
 * Sinks of a whole vault in this process, against a stand-in for the line to the process that delivers: order, patience, what is
 * set aside, and that a sink is told of nothing it may not know.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Delivered } from "@keystead/channel/deliver-call";
import { NO_FILTER } from "@keystead/contract/event-filter";
import { SinkTargetSchema } from "@keystead/contract/generated/hsm/sinks_pb";
import { writeTarget } from "@keystead/contract/sink-target";
import { HsmError } from "@keystead/contract/errors";
import type { ChainedEvent, EventFields } from "../audit/event.ts";
import type { Change } from "../objects/change.ts";
import type { NewSink } from "../operations/sink-control.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import type { DeliveryLine, Openable } from "./delivery-line.ts";
import { Sinks } from "./sinks.ts";
import { MOST_SET_ASIDE, StandingFiles } from "./standing.ts";
import { USUAL_RETRY } from "./stored-sink.ts";

type Answer = (events: readonly ChainedEvent[], sink: Openable) => Delivered | Promise<Delivered>;

const FIELDS: EventFields = {
  action: "GenerateKey",
  authentication: "token",
  decision: "allow",
  key: "k",
  namespace: "default",
  outcome: "OK",
  payload: "",
  principal: "p",
  request: "r",
  time: "2030-01-01T00:00:00.000Z",
  version: 1,
};
const refused: Delivered = { delivered: 0, failure: { kind: "refused", reason: "status 422" } };
const away: Delivered = { delivered: 0, failure: { kind: "unavailable", reason: "ECONNREFUSED" } };

/** Waits for what the sinks do in their own time. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A vault with sinks. What arrives is remembered by sink; `answers` says what becomes of an attempt. */
async function sunk(t: TestContext) {
  const vault = await ClockedVault.open();
  const got = new Map<string, ChainedEvent[]>();
  const opened: Openable[] = [];
  const state = {
    answer: ((events) => ({ delivered: events.length })) as Answer,
    attempts: 0,
    refusal: undefined as string | undefined,
    joined: () => undefined as void,
  };
  const line: Pick<DeliveryLine, "deliver" | "check" | "close" | "onJoin"> = {
    onJoin: (tell) => void (state.joined = tell),
    async deliver(sink, lines) {
      opened.push(sink);
      state.attempts += 1;
      const events = lines.map((text) => (JSON.parse(text) as { event: ChainedEvent }).event);
      const answer = await state.answer(events, sink);
      got.set(sink.sink, [...(got.get(sink.sink) ?? []), ...events.slice(0, answer.delivered)]);
      return answer;
    },
    check: async () => state.refusal,
    close: () => undefined,
  };
  const begin = (): Sinks => {
    const sinks = new Sinks({
      documents: vault.vault.documents,
      auditLog: vault.vault.log,
      standings: new StandingFiles({ files: vault.files, folder: "/data", macKey: vault.vault.hierarchy.auditMacKey }),
      line: line as DeliveryLine,
      log: vault.log,
      firstKept: (from) => from,
      onDamage: () => undefined,
      source: "urn:keystead:test",
      now: () => vault.now,
      breakMs: 5,
    });
    sinks.start();
    return sinks;
  };
  let sinks = begin();
  t.after(() => sinks.close());
  const settle = async (change: Change): Promise<void> => {
    const records = change.writes.map(({ digest, key }) => ({ digest, name: `${key.namespace}/${key.kind}/${key.id}/${key.version}` }));
    await vault.vault.log.append({ ...FIELDS, action: "CreateSink", namespace: "", key: "", records }, change.writes);
    change.settle(true);
  };
  return {
    vault,
    got,
    opened,
    state,
    settle,
    get sinks() {
      return sinks;
    },
    async make(
      more: Partial<NewSink> = {},
      target: MessageInitShape<typeof SinkTargetSchema> = { webhook: { url: "https://x.example/" } },
    ) {
      const { id, change } = await sinks.create(
        {
          name: "s",
          namespace: "",
          enabled: true,
          target: writeTarget(create(SinkTargetSchema, target)),
          filter: { ...NO_FILTER, includeEvents: ["key.created"] },
          retry: { ...USUAL_RETRY, delayMs: 1 },
          from: 0,
          secrets: [Buffer.alloc(32, 1)],
          ...more,
        },
        "cert:admin",
      );
      await settle(change);
      return id;
    },
    /** Makes events, and gives their numbers. */
    async happen(number: number, more: Partial<EventFields> = {}): Promise<number[]> {
      const receipts = [];
      for (let index = 0; index < number; index += 1) receipts.push(await vault.vault.log.append({ ...FIELDS, ...more }));
      return receipts.map(({ sequence }) => sequence);
    },
    numbers: (id: string): number[] => (got.get(id) ?? []).map(({ sequence }) => sequence),
    /** The vault ends and begins again. */
    async restart(clean: boolean): Promise<void> {
      if (clean) await sinks.close();
      await vault.reopen(clean);
      sinks = begin();
    },
  };
}

test("a sink gets what its filter lets pass, in order, from its beginning on, and goes on after a restart", async (t) => {
  const s = await sunk(t);
  await s.happen(3);
  const id = await s.make();
  const first = await s.happen(150);
  await s.happen(5, { action: "Sign" });
  await until("all of it", () => s.numbers(id).length === 150);
  assert.deepEqual(s.numbers(id), first);
  await s.restart(true);
  const second = await s.happen(3);
  await until("the rest", () => s.numbers(id).length === 153);
  assert.deepEqual(s.numbers(id), [...first, ...second]);
  const { state } = s.sinks.get("", id);
  assert.deepEqual([state.state, state.standing.delivered, state.standing.deliveries[0]?.outcome], ["delivering", 153, "delivered"]);
});

test("a sink of a namespace hears of that namespace alone, whatever its filter says, and ends with it", async (t) => {
  const s = await sunk(t);
  const id = await s.make({ namespace: "tenant", filter: { ...NO_FILTER, minSeverity: "debug" } });
  await s.happen(2, { namespace: "tenant" });
  await s.happen(2, { namespace: "other" });
  await s.happen(2, { namespace: "" });
  await s.happen(1, { namespace: "tenant", action: "PurgeNamespace" });
  await s.happen(2, { namespace: "tenant" });
  await until("its end", () => s.sinks.get("tenant", id).state.state === "ended");
  assert.deepEqual(
    (s.got.get(id) ?? []).map(({ namespace, action }) => `${namespace} ${action}`),
    ["tenant GenerateKey", "tenant GenerateKey", "tenant PurgeNamespace"],
  );
  await s.restart(true);
  await s.happen(1, { namespace: "tenant" });
  assert.equal(s.sinks.get("tenant", id).state.state, "ended");
  assert.throws(() => s.sinks.get("other", id), { code: "OBJECT_NOT_FOUND" });
  assert.throws(() => s.sinks.get("", id), { code: "OBJECT_NOT_FOUND" });
});

test("while a receiver is away nothing is left out, and another sink is not held up", async (t) => {
  const s = await sunk(t);
  const [here, gone] = [await s.make(), await s.make()];
  let back = false;
  s.state.answer = (events, { sink }) => (sink === gone && !back ? away : { delivered: events.length });
  const numbers = await s.happen(20);
  await until("the other sink's", () => s.numbers(here).length === 20);
  await until("several attempts", () => s.sinks.get("", gone).state.standing.deliveries.length > 6);
  const waiting = s.sinks.get("", gone).state;
  assert.deepEqual([waiting.state, waiting.lastError, waiting.standing.aside.length], ["waiting", "ECONNREFUSED", 0]);
  assert.ok(waiting.behind >= 20);
  back = true;
  await until("everything", () => s.numbers(gone).length === 20);
  assert.deepEqual(s.numbers(gone), numbers);
});

test("an event that is refused again and again is set aside, the next ones arrive, and it can be delivered later", async (t) => {
  const s = await sunk(t);
  const id = await s.make({ retry: { ...USUAL_RETRY, delayMs: 1, maxRetries: 2 } });
  let poison = 0;
  let tries = 0;
  s.state.answer = (events) => {
    const at = events.findIndex(({ sequence }) => sequence === poison);
    if (at === 0) tries += 1;
    return at === -1 ? { delivered: events.length } : { ...refused, delivered: at };
  };
  poison = s.vault.vault.log.sequence + 3;
  const numbers = await s.happen(6);
  assert.equal(numbers[2], poison);
  await until("the others", () => s.numbers(id).length === 5);
  assert.deepEqual(
    s.numbers(id),
    numbers.filter((number) => number !== poison),
  );
  assert.equal(tries, 3, "the first attempt and two repetitions");
  const { standing } = s.sinks.get("", id).state;
  assert.deepEqual(
    standing.aside.map(({ sequence, type, reason }) => [sequence, type, reason]),
    [[poison, "key.created", "status 422"]],
  );
  await s.restart(false);
  assert.equal(s.sinks.get("", id).state.standing.aside.length, 1, "what was set aside is durable");
  poison = 0;
  assert.equal((await s.sinks.redeliver("", id, numbers[2] as number)).outcome, "delivered");
  assert.deepEqual(s.sinks.get("", id).state.standing.aside, []);
  assert.equal(s.numbers(id).at(-1), numbers[2]);
});

test("when as many events are set aside as may be, the sink is blocked and loses none", async (t) => {
  const s = await sunk(t);
  const id = await s.make({ retry: { ...USUAL_RETRY, delayMs: 1, maxRetries: 0 } });
  let refusing = true;
  s.state.answer = (events) => (refusing ? refused : { delivered: events.length });
  const numbers = await s.happen(MOST_SET_ASIDE + 5);
  await until("it is blocked", () => s.sinks.get("", id).state.state === "blocked");
  assert.equal(s.sinks.get("", id).state.standing.aside.length, MOST_SET_ASIDE);
  refusing = false;
  await until("the rest", () => s.numbers(id).length === 5);
  assert.deepEqual(s.numbers(id), numbers.slice(MOST_SET_ASIDE));
});

test("after a crash some events come again, none is missing, and the order is that of the log", async (t) => {
  const s = await sunk(t);
  const id = await s.make();
  const first = await s.happen(40);
  await until("deliveries", () => s.numbers(id).length === 40);
  await s.restart(false);
  const second = await s.happen(10);
  await until("the rest", () => s.numbers(id).includes(second.at(-1) as number));
  assert.deepEqual([...new Set(s.numbers(id))], [...first, ...second]);
});

test("a disabled sink waits, a changed one goes on by its new filter, and a deleted one is gone", async (t) => {
  const s = await sunk(t);
  const id = await s.make({ enabled: false });
  const missed = await s.happen(3);
  assert.equal(s.sinks.get("", id).state.state, "disabled");
  await s.settle((await s.sinks.update("", id, { enabled: true })).change);
  await until("what it missed", () => s.numbers(id).length === 3);
  assert.deepEqual(s.numbers(id), missed);
  await s.settle((await s.sinks.update("", id, { filter: { ...NO_FILTER, includeEvents: ["key.used"] } })).change);
  await s.happen(2);
  const used = await s.happen(2, { action: "Sign" });
  await until("uses", () => s.numbers(id).length === 5);
  assert.deepEqual(s.numbers(id).slice(3), used);
  await s.settle(await s.sinks.remove("", id));
  await s.happen(2, { action: "Sign" });
  assert.throws(() => s.sinks.get("", id), { code: "OBJECT_NOT_FOUND" });
  assert.deepEqual(s.sinks.list(), []);
});

test("a new secret comes first, the former one beside it for as long as was said, and then no more", async (t) => {
  const s = await sunk(t);
  const id = await s.make();
  const secretsNow = async (): Promise<number[]> => {
    await s.sinks.test("", id, "cert:admin");
    return (await (s.opened.at(-1) as Openable).secrets()).map((secret) => secret[0] as number);
  };
  assert.deepEqual(await secretsNow(), [1]);
  await s.settle((await s.sinks.rotate("", id, Buffer.alloc(32, 2), 60_000)).change);
  const during = s.opened.length;
  assert.deepEqual(await secretsNow(), [2, 1]);
  s.vault.now += 60_001;
  assert.deepEqual(await secretsNow(), [2]);
  const revisions = s.opened.slice(during).map(({ revision }) => revision);
  assert.notEqual(revisions[0], revisions.at(-1), "a secret that has ended is not used on by a sink that is open");
  await s.settle((await s.sinks.rotate("", id, Buffer.alloc(32, 3), 0)).change);
  assert.deepEqual(await secretsNow(), [3]);
});

test("a target that the process refuses is not kept, nor two writers of one file, nor a file of a namespace", async (t) => {
  const s = await sunk(t);
  s.state.refusal = "url must begin with https://";
  await assert.rejects(s.make(), { code: "INVALID_REQUEST", detail: "target: url must begin with https://" });
  s.state.refusal = undefined;
  await assert.rejects(s.make({ namespace: "tenant" }, { file: { file: "a.log" } }), { code: "INVALID_REQUEST" });
  await s.make({}, { file: { file: "a.log" } });
  await assert.rejects(s.make({}, { file: { file: "a.log" } }), { code: "OBJECT_EXISTS" });
  const hook = await s.make();
  const file = writeTarget(create(SinkTargetSchema, { file: { file: "b.log" } }));
  await assert.rejects(s.sinks.update("", hook, { target: file }), { code: "INVALID_REQUEST" });
});

test("a credential is shown to the receiver it was given for and to no other, and whoever has none may move", async (t) => {
  const s = await sunk(t);
  const url = "https://otel.example/v1/logs";
  const id = await s.make({}, { otlpLogs: { url, headers: [{ name: "x-a", value: "1" }] } });
  const target = (otlpLogs: object): object => writeTarget(create(SinkTargetSchema, { otlpLogs })) as object;
  await assert.rejects(s.sinks.update("", id, { target: target({ url: "https://mine.example/v1/logs" }) }), { code: "INVALID_REQUEST" });
  await s.settle((await s.sinks.update("", id, { target: target({ url, headers: [] }) })).change);
  const bare = await s.make({ secrets: [] }, { otlpLogs: { url } });
  await s.settle((await s.sinks.update("", bare, { target: target({ url: "https://mine.example/v1/logs" }) })).change);
  const kafka = await s.make({}, { kafka: { brokers: ["k1.example"], topic: "a" } });
  const moved = (more: object): object =>
    writeTarget(create(SinkTargetSchema, { kafka: { brokers: ["k1.example"], topic: "a", ...more } })) as object;
  for (const more of [{ brokers: ["k1.example", "mine.example"] }, { plaintext: true }, { sasl: 3 }])
    await assert.rejects(s.sinks.update("", kafka, { target: moved(more) }), { code: "INVALID_REQUEST" }, JSON.stringify(more));
  await s.settle((await s.sinks.update("", kafka, { target: moved({ topic: "b" }) })).change);
  const hook = await s.make();
  await s.settle(
    (await s.sinks.update("", hook, { target: writeTarget(create(SinkTargetSchema, { webhook: { url: "https://y.example/" } })) })).change,
  );
});

test("few deliveries that somebody asked for wait for a slow receiver, and more are refused", async (t) => {
  const s = await sunk(t);
  const id = await s.make();
  const answered = Promise.withResolvers<Delivered>();
  s.state.answer = () => answered.promise;
  const asked = Array.from({ length: 10 }, () =>
    s.sinks.test("", id, "cert:admin").then(
      ({ outcome }) => outcome,
      ({ code }) => String(code),
    ),
  );
  await until("the first", () => s.state.attempts > 0);
  answered.resolve({ delivered: 1 });
  const outcomes = await Promise.all(asked);
  assert.equal(outcomes.filter((outcome) => outcome === "RATE_LIMITED").length, 6);
  assert.equal(outcomes.filter((outcome) => outcome === "delivered").length, 4);
  assert.equal((await s.sinks.test("", id, "cert:admin")).outcome, "delivered");
});

test("a process that comes while an attempt fails with the one before is tried at once", async (t) => {
  const s = await sunk(t);
  const id = await s.make();
  s.state.answer = (events) => {
    if (s.state.attempts > 1) return { delivered: events.length };
    s.state.joined();
    return { delivered: 0, failure: { kind: "unavailable", reason: "the process ended", retryAfterMs: 3_600_000 } };
  };
  await s.happen(1);
  await until("the event", () => s.numbers(id).length === 1);
});

test("nothing is kept of a sink that was deleted, also when the vault ended before it could forget", async (t) => {
  const s = await sunk(t);
  const id = await s.make();
  await s.happen(2);
  await until("both", () => s.numbers(id).length === 2);
  const kept = (): string[] => s.vault.files.list("/data").filter((name) => name.startsWith("sink-standing."));
  const ended = s.vault.files.open("/data/sink-standing.sink-0123456789abcdef", "append");
  ended.close();
  await s.restart(true);
  assert.deepEqual(kept(), [`sink-standing.${id}`]);
  await s.settle(await s.sinks.remove("", id));
  await until("nothing", () => kept().length === 0);
});

test("an event that a sink is not to see cannot be had by asking for it again", async (t) => {
  const s = await sunk(t);
  const id = await s.make({ namespace: "tenant" });
  const [foreign = 0] = await s.happen(1, { namespace: "other" });
  const [own = 0] = await s.happen(1, { namespace: "tenant", action: "Sign" });
  for (const sequence of [foreign, 0, 1, own + 100])
    await assert.rejects(
      s.sinks.redeliver("tenant", id, sequence),
      (error: HsmError) => error.code === "OBJECT_NOT_FOUND",
      String(sequence),
    );
  assert.equal((await s.sinks.redeliver("tenant", id, own)).outcome, "delivered");
});

test("an event of a segment that was set aside is not there to be sent again, and no other is sent in its place", async (t) => {
  const s = await sunk(t);
  const id = await s.make();
  const [asked = 0, behind = 0] = await s.happen(2);
  const follow = s.vault.vault.log.follow.bind(s.vault.vault.log);
  // As a follower goes on behind such a segment.
  t.mock.method(s.vault.vault.log, "follow", (after: number) => follow(after === asked - 1 ? behind - 1 : after));
  await assert.rejects(s.sinks.redeliver("", id, asked), { code: "OBJECT_NOT_FOUND" });
  assert.equal((await s.sinks.redeliver("", id, behind)).outcome, "delivered");
});

test("a sink of a namespace hears nothing of what was under its name before, however early it is to begin", async (t) => {
  const s = await sunk(t);
  const before = { namespace: "tenant", time: "2020-01-01T00:00:00.000Z" };
  const [former = 0] = await s.happen(2, before);
  // The end of the one before is not the end of this one.
  await s.happen(1, { ...before, action: "PurgeNamespace" });
  const id = await s.make({ namespace: "tenant", since: Date.parse("2020-01-02T00:00:00.000Z"), from: 1 });
  const own = await s.happen(2, { namespace: "tenant", time: "2020-01-03T00:00:00.000Z" });
  await until("its own", () => s.numbers(id).length === own.length);
  assert.deepEqual(s.numbers(id), own);
  await assert.rejects(s.sinks.redeliver("tenant", id, former), { code: "OBJECT_NOT_FOUND" });
  await s.restart(true);
  assert.equal(s.sinks.get("tenant", id).stored.since, Date.parse("2020-01-02T00:00:00.000Z"));
});
