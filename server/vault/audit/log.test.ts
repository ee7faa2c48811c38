import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { recordDigest } from "../objects/record.ts";
import { memoryStore } from "../stores/memory.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { GENESIS, parseLine } from "./event.ts";
import { systemFiles } from "./file-layer.ts";
import type { Receipt } from "./log.ts";
import { memoryFiles } from "./memory-files.ts";
import { listSegments } from "./segments.ts";
import { PATH, agree, change, event, folder, lines, open, turn, verify } from "./testing/opened-log.ts";

test("events stand in the order they were appended, each with the receipt of its place in the chain", async () => {
  const files = memoryFiles();
  const { log } = open(files, memoryStore());
  const receipts: Receipt[] = [];
  for (const round of [1, 500, 3])
    receipts.push(...(await Promise.all(Array.from({ length: round }, (_, index) => log.append(event(`${round}/${index}`))))));
  assert.equal(log.sequence, 504);
  const parsed = lines(files).map((line) => parseLine(line));
  assert.deepEqual(
    parsed.map((line) => line?.event.request),
    [1, 500, 3].flatMap((round) => Array.from({ length: round }, (_, index) => `${round}/${index}`)),
  );
  assert.deepEqual(
    parsed.map((line) => ({ sequence: line?.event.sequence, hash: line?.hash })),
    receipts,
  );
  assert.deepEqual(
    parsed.map((line) => line?.event.previous),
    [GENESIS, ...receipts.slice(0, -1).map(({ hash }) => hash)],
  );
  assert.equal((await verify(files)).events, 504);
  await log.close();
});

test("requests that wait together share one sync", async () => {
  const seen: string[] = [];
  const observer = {
    batch: (events: readonly unknown[]) => void seen.push(`batch of ${events.length}`),
    sync: () => void seen.push("sync"),
    commit: () => void seen.push("commit"),
  };
  const { log } = open(memoryFiles(), memoryStore(), { observer });
  await Promise.all(Array.from({ length: 64 }, (_, index) => log.append(event(String(index)))));
  assert.deepEqual([log.counters.events, log.counters.batches], [64, 1]);
  assert.deepEqual(seen, ["sync", "batch of 64"]);
  await log.close();
});

test("patient events that come one by one share a sync; one that is not patient takes them along at once; sixteen are enough", async () => {
  const { log } = open(memoryFiles(), memoryStore(), { companyMs: 600_000 });
  const scattered: Promise<Receipt>[] = [];
  for (let index = 0; index < 4; index += 1) {
    scattered.push(log.append(event(String(index)), [], "patient"));
    await turn();
  }
  scattered.push(log.append(event("now")));
  await Promise.all(scattered);
  assert.deepEqual([log.counters.events, log.counters.batches], [5, 1]);
  await Promise.all(Array.from({ length: 16 }, (_, index) => log.append(event(`many ${index}`), [], "patient")));
  assert.deepEqual([log.counters.events, log.counters.batches], [21, 2]);
  await log.close();
});

test("an event that comes alone is written in the turn it came in", async () => {
  const { log } = open(memoryFiles(), memoryStore());
  void log.append(event("alone"), [], "none");
  assert.equal(log.counters.events, 0);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  assert.equal(log.counters.events, 1, "no turn of the event loop was waited for");
  const two = [log.append(event("not"), [], "none"), log.append(event("alone"), [], "none")];
  await Promise.all(two);
  assert.equal(log.counters.events, 3);
  await log.close();
});

test("a patient event that nobody joins is written all the same, also when the log is closed meanwhile", async () => {
  const { log } = open(memoryFiles(), memoryStore());
  assert.equal((await log.append(event("alone"), [], "patient")).sequence, 1);
  const last = log.append(event("the last"), [], "patient");
  await log.close();
  assert.equal((await last).sequence, 2);
});

test("no receipt comes before the sync that covers it", async () => {
  const disk = new CrashingDisk();
  const { log } = open(disk.files, memoryStore());
  for (let index = 0; index < 5; index++) {
    const { sequence } = await log.append(event(String(index)));
    assert.equal(lines(disk.afterCrash(() => false).files).length, sequence);
  }
});

test("lazy syncs make lines durable without anybody waiting", async () => {
  const disk = new CrashingDisk();
  const synced = Promise.withResolvers<void>();
  const { log } = open(disk.files, memoryStore(), { syncMode: "normal" });
  await log.append(event("1"));
  assert.equal(lines(disk.afterCrash(() => false).files).length, 0);
  disk.before = (step) => {
    if (step === "sync") synced.resolve();
  };
  const alive = setInterval(() => undefined, 1000);
  await synced.promise;
  clearInterval(alive);
  await turn();
  assert.equal(lines(disk.afterCrash(() => false).files).length, 1);
  await log.close();
});

test("the clean end of a log: zeros cut, all durable, nothing more accepted, the next start mends nothing", async (t) => {
  const path = join(folder(t), "deep/er/audit.log");
  const store = memoryStore();
  const first = open(systemFiles, store, { path });
  await first.log.append(event("1"));
  const { fields, writes } = change("k", "1");
  await first.log.append(fields, writes);
  await first.log.close();
  await first.log.close();
  await assert.rejects(first.log.append(event("2")), { code: "AUDIT_UNAVAILABLE" });
  assert.deepEqual([store.durableSequence(), store.outbox()], [2, []]);
  const [segment] = listSegments(systemFiles, path);
  assert.equal(statSync(segment?.path as string).size, lines(systemFiles, path).join("\n").length + 1);
  assert.equal(statSync(segment?.path as string).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  const second = open(systemFiles, store, { path });
  assert.deepEqual([second.cutBytes, second.replayedLines, second.log.sequence], [0, 0, 2]);
  assert.equal(second.log.anchor("ns/key/k/0"), recordDigest(Buffer.from("1")));
  assert.equal((await second.log.append(event("2"))).sequence, 3);
  await second.log.close();
  assert.deepEqual([(await verify(systemFiles, path)).bad, (await verify(systemFiles, path)).events], [undefined, 3]);
});

test("segments roll at their size, are named by their first event, and verify as one chain", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store, { segmentBytes: 1000 });
  for (let index = 0; index < 20; index++) await log.append(event(String(index)));
  const segments = listSegments(disk.files, PATH);
  assert.ok(segments.length >= 5);
  assert.deepEqual(
    segments.map(({ path }) => path),
    segments.map(({ firstSequence }) => `${PATH}.${String(firstSequence).padStart(16, "0")}`),
  );
  assert.equal((await verify(disk.files)).events, 20);
  const again = open(disk.afterCrash(() => false).files, store, { segmentBytes: 1000 });
  assert.equal(again.log.sequence, 20);
  await log.close();
});

test("a change and its event happen together, and a later one sees it", async () => {
  const files = memoryFiles();
  const store = memoryStore();
  const { log } = open(files, store);
  const made = change("k", "1");
  const [receipt] = await Promise.all([log.append(made.fields, made.writes), log.append(event("beside"))]);
  assert.equal(receipt.sequence, 1);
  assert.equal(log.anchor("ns/key/k/0"), made.writes[0]?.digest);
  assert.equal(store.outbox().length, 2);
  const next = change("k", "2", "1");
  await log.append(next.fields, next.writes);
  await agree(store, log.anchors());
  await log.close();
});

test("a stale change is refused and recorded as refused, without its records; those beside it go on", async () => {
  const files = memoryFiles();
  const store = memoryStore();
  const { log } = open(files, store);
  const made = change("k", "1");
  await log.append(made.fields, made.writes);
  const stale = change("k", "2", "0");
  const good = change("j", "1");
  const [first, second, third] = await Promise.allSettled([
    log.append(event("beside")),
    log.append(stale.fields, stale.writes),
    log.append(good.fields, good.writes),
  ]);
  assert.deepEqual([first.status, second.status, third.status], ["fulfilled", "rejected", "fulfilled"]);
  assert.equal((second as PromiseRejectedResult).reason.code, "OBJECT_CHANGED");
  const refused = lines(files)
    .map((line) => parseLine(line)?.event)
    .find((found) => found?.request === stale.fields.request);
  assert.deepEqual([refused?.decision, refused?.outcome, refused?.records], ["refuse", "OBJECT_CHANGED", undefined]);
  assert.equal((await verify(files)).bad, undefined);
  await agree(store, log.anchors());
  await log.close();
});
