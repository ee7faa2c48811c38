import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { memoryStore } from "../stores/memory.ts";
import { archivePath, MAX_ARCHIVED_BYTES, withArchive } from "./archived-files.ts";
import type { FileLayer } from "./file-layer.ts";
import { listSegments, readLines } from "./segments.ts";
import { verifyLog } from "./verify.ts";
import { ARCHIVE, KEY, PATH, archive, opener, written } from "./testing/aged-log.ts";

const open = opener(2500);

const linesOf = (files: FileLayer): string[] =>
  listSegments(files, PATH).flatMap(({ path }) => [...readLines(files.open(path, "read"))].map(({ line }) => line));

test("old segments move to the archive, each recorded, and every reader goes on as if they were there", async () => {
  const { disk, store } = await written(open);
  const before = linesOf(disk.files);
  const { log, files } = open(disk, store);
  const moved = await archive(disk, log, 20);
  assert.ok(moved >= 2);
  assert.equal(await archive(disk, log, 20), 0);
  await log.close();
  const here = listSegments(disk.files, PATH).length;
  assert.equal(listSegments(files, PATH).length, here + moved);
  const all = linesOf(files);
  assert.deepEqual(all.slice(0, 40), before);
  assert.deepEqual(
    all.slice(40).map((line) => /"action":"(\w+)"/.exec(line)?.[1]),
    Array.from({ length: moved }, () => "ArchiveAuditLog"),
  );
  const report = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.deepEqual([report.bad, report.events, report.unread], [undefined, 40 + moved, 0]);
  const again = open(disk, store);
  assert.equal(again.log.sequence, 40 + moved);
  const follower = again.log.follow(0);
  const seen: string[] = [];
  while (seen.length < all.length) seen.push(...((await follower.next()) ?? []).map(({ line }) => line));
  assert.deepEqual(seen, all);
  await again.log.close();
});

test("without the archive the log is followed by the lists, under the audit key alone, and says how much was not read", async () => {
  const { disk, store } = await written(open);
  const { log } = open(disk, store);
  const moved = await archive(disk, log, 20);
  await log.close();
  const alone = disk.copy((path, bytes) => (path.startsWith(ARCHIVE) ? undefined : bytes));
  const { files, log: later } = open(alone, store, undefined);
  assert.equal(later.sequence, 40 + moved);
  const report = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.deepEqual([report.bad, report.events], [undefined, 40 + moved]);
  assert.ok(report.unread > 0);
  assert.match((await verifyLog({ files, path: PATH, macKey: undefined })).bad?.reason ?? "", /archive/);
  await assert.rejects(later.follow(0).next(), { code: "AUDIT_UNAVAILABLE" });
  await later.close();
  const forged = alone.copy((path, bytes) =>
    path.endsWith("0001.anchors")
      ? Buffer.from(bytes.toString("latin1").replace(/ ([0-9a-f]{64})\n/, ` ${"0".repeat(64)}\n`), "latin1")
      : bytes,
  );
  assert.equal((await verifyLog({ files: withArchive(forged.files, undefined), path: PATH, macKey: KEY })).bad?.sequence, 1);
});

test("a changed archive is found, and a segment that was changed before is not archived", async () => {
  const { disk, store } = await written(open);
  const [first] = listSegments(disk.files, PATH);
  const changed = disk.copy((path, bytes) => (path === first?.path ? Buffer.from(bytes.toString("utf8").replace('"r1"', '"rX"')) : bytes));
  const { log } = open(changed, store);
  await assert.rejects(archive(changed, log, 20), { code: "INTEGRITY_FAILURE" });
  assert.equal(changed.contents.has(archivePath(ARCHIVE, first?.path as string)), false);
  await log.close();
  const good = disk.copy();
  const { log: other } = open(good, store);
  await archive(good, other, 20);
  await other.close();
  const packed = archivePath(ARCHIVE, first?.path as string);
  const second = archivePath(ARCHIVE, listSegments(disk.files, PATH)[1]?.path as string);
  const exchanged = good.copy((path, bytes) => (path === packed ? Buffer.from(good.contents.get(second)?.now as Buffer) : bytes));
  const report = await verifyLog({ files: withArchive(exchanged.files, ARCHIVE), path: PATH, macKey: KEY });
  assert.equal(report.bad?.sequence, 1);
});

test("after a crash at any step of archiving, with anything unsynced lost, every event is still there, once", async () => {
  const { disk, store } = await written(open);
  const expected = linesOf(disk.files);
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
      await archive(living, log, 20).then(
        () => (finished = true),
        () => undefined,
      );
      const left = living.afterCrash(keep);
      const { log: next, files } = open(left, kept);
      assert.deepEqual(linesOf(files).slice(0, 40), expected, `step ${last}`);
      await archive(left, next, 20);
      await next.close();
      const report = await verifyLog({ files, path: PATH, macKey: KEY });
      assert.deepEqual([report.bad, report.unread], [undefined, 0], `step ${last}`);
    }
    if (finished) return;
  }
});

test("an archive that unpacks to more than any segment, or is larger itself, is unavailable and not unpacked", async () => {
  const { disk, store } = await written(open);
  const { log } = open(disk, store);
  assert.ok((await archive(disk, log, 20)) >= 1);
  await log.close();
  const [first] = listSegments(withArchive(disk.files, ARCHIVE), PATH);
  const target = archivePath(ARCHIVE, first?.path ?? "");
  for (const content of [zstdCompressSync(Buffer.alloc(MAX_ARCHIVED_BYTES + 1)), Buffer.alloc(MAX_ARCHIVED_BYTES + 1)]) {
    const bombed = disk.copy((path, bytes) => (path === target ? content : bytes));
    assert.throws(() => withArchive(bombed.files, ARCHIVE).open(first?.path ?? "", "read"), { code: "AUDIT_UNAVAILABLE" });
  }
});
