import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { SinkFormat, SyslogTargetSchema, SyslogTransport } from "@keystead/contract/generated/hsm/sinks_pb";
import { certified } from "./testing/certificates.ts";
import { Rsyslog } from "./testing/rsyslog.ts";
import { UnusableTarget, type Sink } from "./sink.ts";
import { syslogSink } from "./syslog.ts";
import { sinkEvent } from "./event.ts";
import { logLine, sinkEvents, surroundings } from "./testing.ts";

const always = (): boolean => true;
const folderFor = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), "keystead-syslog-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const opened = (
  target: MessageInitShape<typeof SyslogTargetSchema>,
  secrets: readonly Buffer[] = [],
  authorities: readonly string[] = [],
): Sink => syslogSink(create(SyslogTargetSchema, target), secrets, surroundings({ authorities }));
const pem = (...paths: string[]): Buffer => Buffer.concat(paths.map((path) => readFileSync(path)));

test("rsyslog over TLS: a receiver that asks for our certificate gets it, and without the right one nothing counts", async (t) => {
  const folder = folderFor(t);
  const server = await Rsyslog.start({ folder, certifiedClients: true });
  t.after(() => server.stop());
  const own = certified(folder, "hsm.test");
  const stranger = certified(folderFor(t), "hsm.test");
  const target = { host: "127.0.0.1", port: server.port };
  for (const secrets of [[], [pem(stranger.certPath, stranger.keyPath)]]) {
    const { delivered, failure } = await opened(target, secrets, [server.authority]).deliver(sinkEvents(1, 3), always);
    assert.deepEqual([delivered, failure?.kind], [0, "unavailable"]);
  }
  assert.deepEqual(server.messages(), []);
  const sink = opened(target, [pem(own.certPath, own.keyPath)], [server.authority]);
  assert.deepEqual(await sink.deliver(sinkEvents(1, 3), always), { delivered: 3 });
  assert.equal(server.messages().length, 3);
});

test("rsyslog over TLS: a receiver whose certificate is for another name, or of another authority, gets nothing", async (t) => {
  const folder = folderFor(t);
  const server = await Rsyslog.start({ folder });
  t.after(() => server.stop());
  const other = folderFor(t);
  const target = { host: "127.0.0.1", port: server.port };
  const elsewhere = await opened(target, [], [certified(other, "x").ca]).deliver(sinkEvents(1, 1), always);
  assert.deepEqual([elsewhere.delivered, elsewhere.failure?.kind], [0, "unavailable"]);
  // 127.0.0.2 is this machine too, and not in the certificate.
  const sink = syslogSink(
    create(SyslogTargetSchema, { ...target, host: "127.0.0.2" }),
    [],
    surroundings({ authorities: [server.authority], mayDial: () => true }),
  );
  const renamed = await sink.deliver(sinkEvents(1, 1), always);
  assert.deepEqual([renamed.delivered, renamed.failure?.kind], [0, "unavailable"]);
  assert.deepEqual(server.messages(), []);
});

test("rsyslog over TLS: a message arrives whole, with its header, whatever the event holds", async (t) => {
  const server = await Rsyslog.start({ folder: folderFor(t) });
  t.after(() => server.stop());
  const line = logLine(7, {
    principal: 'user:a"b]\\c\u2028\u00e9\ud83d\ude00',
    action: "Sign",
    outcome: "PERMISSION_DENIED",
    decision: "refuse",
  });
  const sink = opened({ host: "127.0.0.1", port: server.port, hostname: "hsm-1.example" }, [], [server.authority]);
  assert.deepEqual(await sink.deliver([sinkEvent(line)], always), { delivered: 1 });
  const [message = ""] = server.messages();
  assert.match(
    message,
    /^<108>1 2026-01-31T12:00:00\.000Z hsm-1\.example keystead - authorization\.denied \[origin .*\]\[meta sequenceId="7"\] /,
  );
  assert.equal(message.slice(message.indexOf("\ufeff") + 1), line);
});

test("an event that no datagram holds is refused, and those before it have left", async (t) => {
  const listener = createSocket("udp4");
  t.after(() => listener.close());
  listener.bind(0, "127.0.0.1");
  await once(listener, "listening");
  const large = sinkEvent(logLine(3, { principal: "x".repeat(70_000) }));
  const sink = opened({ host: "127.0.0.1", port: listener.address().port, transport: SyslogTransport.UDP });
  const { delivered, failure } = await sink.deliver([...sinkEvents(1, 2), large, ...sinkEvents(4, 4)], always);
  assert.deepEqual([delivered, failure?.kind], [2, "refused"]);
});

test("a target that cannot work is refused when it is opened", () => {
  const host = "127.0.0.1";
  assert.throws(() => opened({ host, format: SinkFormat.CLOUDEVENTS_BINARY }), UnusableTarget);
  assert.throws(() => opened({ host, transport: SyslogTransport.TCP }, [Buffer.from("secret")]), UnusableTarget);
  assert.throws(() => opened({ host }, [Buffer.from("no PEM at all")]), UnusableTarget);
});
