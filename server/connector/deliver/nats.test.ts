import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Delivered } from "@keystead/channel/deliver-call";
import { NatsTargetSchema, SinkFormat } from "@keystead/contract/generated/hsm/sinks_pb";
import { sinkEvent } from "./event.ts";
import { natsSink } from "./nats.ts";
import { UnusableTarget, type Surroundings } from "./sink.ts";
import { certified } from "./testing/certificates.ts";
import { NatsServer, type NatsOptions } from "./testing/nats-server.ts";
import { logLine, sinkEvents, surroundings } from "./testing.ts";

const always = (): boolean => true;
const folderFor = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), "keystead-nats-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

async function serverFor(t: TestContext, more: Partial<NatsOptions> = {}): Promise<NatsServer> {
  const server = await NatsServer.start({ folder: folderFor(t), ...more });
  t.after(() => server.stop());
  return server;
}

/** Delivers by a sink of its own. */
async function deliver(
  server: NatsServer,
  more: {
    readonly target?: MessageInitShape<typeof NatsTargetSchema>;
    readonly secret?: string;
    readonly surroundings?: Partial<Surroundings>;
    readonly events?: ReturnType<typeof sinkEvents>;
  } = {},
): Promise<Delivered> {
  const target = create(NatsTargetSchema, { host: "127.0.0.1", port: server.port, subject: "audit.events", ...more.target });
  const secrets = more.secret === undefined ? [] : [Buffer.from(more.secret)];
  const sink = natsSink(target, secrets, surroundings({ authorities: [server.authority], ...more.surroundings }));
  try {
    return await sink.deliver(more.events ?? sinkEvents(1, 3), always);
  } finally {
    sink.close();
  }
}
const outcome = ({ delivered, failure }: Delivered): unknown[] => [delivered, failure?.kind];

test("a server without TLS gets nothing from a sink that did not say plaintext", async (t) => {
  const server = await serverFor(t, { plaintext: true });
  assert.deepEqual(outcome(await deliver(server)), [0, "unavailable"]);
  assert.deepEqual(await server.messages(), []);
  assert.deepEqual(await deliver(server, { target: { plaintext: true } }), { delivered: 3 });
});

test("a server of another authority, or with another name, gets nothing, and an address that may not be dialled is not", async (t) => {
  const server = await serverFor(t);
  const { ca } = certified(folderFor(t), "x");
  for (const around of [{ authorities: [ca] }, { mayDial: () => false }])
    assert.deepEqual(outcome(await deliver(server, { surroundings: around })), [0, "unavailable"]);
  // The certificate is for localhost and 127.0.0.1; 127.0.0.2 is this machine too.
  const elsewhere = await deliver(server, { target: { host: "127.0.0.2" }, surroundings: { mayDial: () => true } });
  assert.deepEqual(outcome(elsewhere), [0, "unavailable"]);
  assert.deepEqual(await server.messages(), []);
  assert.deepEqual(await deliver(server, { target: { host: "localhost" }, surroundings: { mayDial: () => true } }), { delivered: 3 });
});

test("a name and its password, or a token, sign in; without them, or with others, nothing counts", async (t) => {
  const login = { user: "keystead", pass: "a:b c" };
  const named = await serverFor(t, { more: `authorization { user: keystead, password: "a:b c" }`, login });
  for (const secret of [undefined, "keystead:wrong", "wrong"])
    assert.deepEqual(outcome(await deliver(named, secret === undefined ? {} : { secret })), [0, "unavailable"]);
  assert.deepEqual(await deliver(named, { secret: "keystead:a:b c\n" }), { delivered: 3 });
});

test("an event larger than its stream takes is refused, and what follows it can be delivered", async (t) => {
  const server = await serverFor(t);
  const large = sinkEvent(logLine(2, { principal: "x".repeat(70_000) }));
  const huge = sinkEvent(logLine(2, { principal: "x".repeat(2_000_000) }));
  for (const poison of [large, huge])
    assert.deepEqual(outcome(await deliver(server, { events: [...sinkEvents(1, 1), poison, ...sinkEvents(3, 3)] })), [1, "refused"]);
  assert.deepEqual(await deliver(server, { events: sinkEvents(3, 3) }), { delivered: 1 });
});

test("what comes again within the stream's window is acknowledged and not kept twice", async (t) => {
  const server = await serverFor(t);
  for (const _ of [1, 2]) assert.deepEqual(await deliver(server), { delivered: 3 });
  assert.equal((await server.messages()).length, 3);
});

test("a subject that no stream has waits", async (t) => {
  const server = await serverFor(t);
  assert.deepEqual(outcome(await deliver(server, { target: { subject: "nobody.listens" } })), [0, "unavailable"]);
});

test("a target that cannot work is refused when it is opened", () => {
  const target = create(NatsTargetSchema, { host: "127.0.0.1", subject: "a", format: SinkFormat.CLOUDEVENTS_BINARY });
  assert.throws(() => natsSink(target, [], surroundings()), UnusableTarget);
});
