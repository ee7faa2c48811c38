/** Deleting what is old from the archive: proven, recorded, crossed by everybody, and found when nobody recorded it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";
import { ANY_EVENT } from "./audit-filter.ts";
import { archivePath, ARCHIVED, withArchive } from "./archived-files.ts";
import { CrashingDisk } from "./crashing-files.ts";
import type { FileLayer } from "./file-layer.ts";
import { indexSegments } from "./indexer.ts";
import { AuditLog } from "./log.ts";
import { purgeSegments } from "./purge.ts";
import { readEvents } from "./read.ts";
import { listSegments, PURGED, readLines } from "./segments.ts";
import { verifyLog } from "./verify.ts";
import { ARCHIVE, KEY, PATH, archive, keeping, opener, written } from "./testing/aged-log.ts";

const open = opener(1500);

const purge = (disk: CrashingDisk, log: AuditLog, day: number): Promise<number> => purgeSegments(keeping(disk, log, day));

/** Every line that is still somewhere. */
const linesOf = (files: FileLayer): string[] =>
  listSegments(files, PATH)
    .filter(({ gone }) => gone === undefined)
    .flatMap(({ path }) => [...readLines(files.open(path, "read"))].map(({ line }) => line));

/** The log with its first twenty days in the archive. */
async function archived(): Promise<{ disk: CrashingDisk; store: Store; moved: number }> {
  const { disk, store } = await written(open);
  const { log } = open(disk, store);
  const moved = await archive(disk, log, 20);
  assert.ok(moved >= 3);
  await log.close();
  return { disk: disk.copy(), store, moved };
}

const actionOf = (line: string): string | undefined => /"action":"(\w+)"/.exec(line)?.[1];

test("what is old enough is deleted from the archive, oldest first, recorded with its last number and hash, and everybody goes on behind it", async () => {
  const { disk, store, moved } = await archived();
  const { log, files } = open(disk, store);
  const before = linesOf(files);
  const purged = await purge(disk, log, 12);
  assert.ok(purged >= 1 && purged < moved, `${purged} of ${moved}`);
  assert.equal(await purge(disk, log, 12), 0);
  const segments = listSegments(files, PATH);
  const gone = (segments.find(({ gone: why }) => why === undefined)?.firstSequence ?? 0) - 1;
  const said = linesOf(files).filter((line) => actionOf(line) === "PurgeAuditLog");
  assert.equal(said.length, purged);
  const { request, payload } = (JSON.parse(said.at(-1) as string) as { event: { request: string; payload: string } }).event;
  assert.equal(request, `1-${gone}`);
  const { event: following } = JSON.parse(before[gone] as string) as { event: { previous: string; sequence: number } };
  assert.deepEqual([following.sequence, following.previous], [gone + 1, payload]);
  assert.deepEqual(linesOf(files).slice(0, before.length - gone), before.slice(gone));
  for (const { path, gone: why } of segments) if (why === "purged") assert.equal(disk.contents.has(archivePath(ARCHIVE, path)), false);
  const { sequence } = log;
  await log.close();
  const report = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.deepEqual([report.bad, report.events, report.unread, report.purged], [undefined, sequence, gone, gone]);
  // Who has no key takes the lists as they stand; checkpoints behind them say whether they were right.
  assert.deepEqual((await verifyLog({ files, path: PATH, macKey: undefined })).bad, undefined);
  const { log: later } = open(disk, store);
  assert.equal(later.sequence, sequence);
  const indexed = { files, path: PATH, macKey: KEY, log: later, wanted: () => true };
  await indexSegments(indexed);
  assert.equal(await indexSegments(indexed), 0, "no index is wanted for what is gone");
  for (const newestFirst of [true, false]) {
    const search = {
      files,
      path: PATH,
      macKey: KEY,
      upTo: sequence,
      newestFirst,
      after: 0,
      limit: 500,
      filter: ANY_EVENT,
      hidden: new Set<string>(),
    };
    assert.equal((await readEvents(search)).events.length, sequence - gone);
  }
  await assert.rejects(later.follow(0).next(), { code: "AUDIT_UNAVAILABLE", message: /deleted for its age/ });
  const [first] = (await later.follow(gone).next()) ?? [];
  assert.equal(first?.sequence, gone + 1);
  await later.close();
});

test("what the archive does not hold as it was is not deleted, nor what is still here, nor what is young", async () => {
  const { disk, store } = await archived();
  const [first, second] = listSegments(withArchive(disk.files, ARCHIVE), PATH);
  const [packed, other] = [first, second].map((segment) => archivePath(ARCHIVE, segment?.path as string)) as [string, string];
  const exchanged = disk.copy((path, bytes) => (path === packed ? Buffer.from(disk.contents.get(other)?.now as Buffer) : bytes));
  const { log } = open(exchanged, store);
  const { sequence } = log;
  await assert.rejects(purge(exchanged, log, 40), { code: "INTEGRITY_FAILURE" });
  assert.ok(exchanged.contents.has(packed));
  assert.equal(log.sequence, sequence, "nothing is recorded that did not happen");
  await log.close();
  const away = disk.copy((path, bytes) => (path === packed ? undefined : bytes));
  const { log: without } = open(away, store);
  assert.equal(await purge(away, without, 40), 0);
  await without.close();
  const { log: young } = open(disk, store);
  assert.equal(await purge(disk, young, 0), 0);
  const all = await purge(disk, young, 1000);
  assert.equal(all, [...disk.contents.keys()].filter((path) => path.endsWith(PURGED)).length);
  assert.ok(linesOf(disk.files).length > 20, "what was not archived is here");
  await young.close();
});

test("a segment that somebody deletes and marks is missed: no event says that it is gone", async () => {
  const { disk, store } = await archived();
  const { log } = open(disk, store);
  await purge(disk, log, 7);
  await log.close();
  const files = withArchive(disk.files, ARCHIVE);
  const next = listSegments(files, PATH).find(({ gone }) => gone === undefined);
  const marked = disk.copy((path, bytes) => (path === archivePath(ARCHIVE, next?.path as string) ? undefined : bytes));
  const mark = marked.files.open(`${next?.path}${PURGED}`, "append");
  mark.write(Buffer.from("keystead purged 1\n"), 0);
  const report = await verifyLog({ files: withArchive(marked.files, ARCHIVE), path: PATH, macKey: KEY });
  assert.equal(report.bad?.sequence, next?.firstSequence);
  assert.match(report.bad?.reason ?? "", /no event of the log says so/);
});

test("after a crash at any step of deleting, with anything unsynced lost, nothing is gone that the log does not say, and the next look ends it", async () => {
  const { disk, store } = await archived();
  const whole = linesOf(withArchive(disk.files, ARCHIVE));
  for (let last = 0; ; last += 1) {
    let finished = false;
    for (const keep of [() => false, () => true]) {
      const living = disk.copy();
      const kept = memoryStore();
      kept.setDurableSequence(store.durableSequence());
      const { log } = open(living, kept);
      let steps = 0;
      living.before = () => {
        if (++steps > last) throw Object.assign(new Error("dead"), { code: "EIO" });
      };
      await purge(living, log, 15).then(
        () => (finished = true),
        () => undefined,
      );
      const left = living.afterCrash(keep);
      const { log: next, files } = open(left, kept);
      const lines = linesOf(files);
      const gone = (listSegments(files, PATH).find(({ gone }) => gone === undefined)?.firstSequence ?? 0) - 1;
      assert.deepEqual(lines.slice(0, whole.length - gone), whole.slice(gone), `step ${last}`);
      const early = await verifyLog({ files, path: PATH, macKey: KEY });
      assert.deepEqual([early.bad, early.purged], [undefined, gone], `step ${last}`);
      await purge(left, next, 15);
      await next.close();
      const report = await verifyLog({ files, path: PATH, macKey: KEY });
      assert.equal(report.bad, undefined, `step ${last}`);
      assert.ok(report.purged > 0 && report.unread === report.purged, `step ${last}`);
      for (const { path, gone: why } of listSegments(files, PATH))
        if (why === "purged")
          for (const rest of [archivePath(ARCHIVE, path), `${path}${ARCHIVED}`, `${path}.index`])
            assert.equal(left.contents.has(rest), false, `step ${last}: ${rest}`);
    }
    if (finished) return;
  }
});
