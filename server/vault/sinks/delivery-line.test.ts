/** The line to the process that delivers: how it is had, and that one which does not come is asked for from the ground up. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DELIVER_CALL, decodeDeliver, encodeDeliveryAnswer } from "@keystead/channel/deliver-call";
import { Peer } from "@keystead/channel/peer";
import { createLogger } from "@keystead/contract/logging";
import { DeliveryLine, type Openable } from "./delivery-line.ts";

const SINK: Openable = { sink: "sink-1", revision: 2, target: {}, source: "urn:test", timeoutMs: 1000, secrets: async () => [] };
const log = createLogger({ part: "vault", version: "0", level: "error", write: () => undefined });

/** A process that takes everything, or answers nothing. */
async function processThat(t: TestContext, answers: boolean): Promise<Socket> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-line-"));
  const server = createServer().listen(join(folder, "s"));
  await once(server, "listening");
  const near = connect(join(folder, "s"));
  const [[far]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, once(near, "connect")]);
  const never = new Promise<Buffer>(() => undefined);
  const peer = new Peer(far, {
    speaksFirst: false,
    answer: ({ operation, payload }) => {
      if (!answers) return never;
      if (operation !== DELIVER_CALL.deliver) return encodeDeliveryAnswer({ open: true });
      const lines = Buffer.from(decodeDeliver(payload).lines).toString().split("\n").length - 1;
      return encodeDeliveryAnswer({ delivered: lines });
    },
  });
  t.after(() => {
    peer.destroy();
    near.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return near;
}

test("lines go to the process that the launcher joins, and whoever asked before waits for it", async (t) => {
  const pipe = await processThat(t, true);
  const wanted: string[] = [];
  const line = new DeliveryLine({ want: () => wanted.push("want"), end: () => wanted.push("end"), log, waitMs: 60_000 });
  const waiting = [line.deliver(SINK, ["a", "b"]), line.deliver(SINK, ["c"])];
  line.join(pipe);
  assert.deepEqual(await Promise.all(waiting), [{ delivered: 2 }, { delivered: 1 }]);
  assert.deepEqual(wanted, ["want"]);
});

test("a process that runs and is never joined is ended, so that another one comes; all who wait ask for that once", async (t) => {
  const wanted: string[] = [];
  const line = new DeliveryLine({ want: () => wanted.push("want"), end: () => wanted.push("end"), log, waitMs: 20 });
  const missed = { delivered: 0, failure: { kind: "unavailable", reason: "the process that delivers is not running" } };
  assert.deepEqual(await Promise.all([line.deliver(SINK, ["a"]), line.deliver({ ...SINK, sink: "sink-2" }, ["a"])]), [missed, missed]);
  assert.deepEqual(wanted, ["want", "end"]);
  line.join(await processThat(t, true));
  assert.deepEqual(await line.deliver(SINK, ["a"]), { delivered: 1 });
});

test("what is in flight when its process ends has failed, and the next process is used", async (t) => {
  const line = new DeliveryLine({ want: () => undefined, end: () => undefined, log, waitMs: 60_000 });
  const silent = await processThat(t, false);
  line.join(silent);
  const lost = line.deliver(SINK, ["a"]);
  silent.destroy();
  assert.equal((await lost).failure?.kind, "unavailable");
  const waiting = line.deliver(SINK, ["a"]);
  line.join(await processThat(t, true));
  assert.deepEqual(await waiting, { delivered: 1 });
});
