/** A log of which segments are damaged: found, crossed, set aside, and what everybody who reads it makes of that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Store } from "../stores/store.ts";
import { ANY_EVENT } from "./audit-filter.ts";
import { readAnchorList, writeAnchorList } from "./anchor-list.ts";
import { withArchive } from "./archived-files.ts";
import type { CrashingDisk } from "./crashing-files.ts";
import type { FileLayer } from "./file-layer.ts";
import { indexSegments } from "./indexer.ts";
import { LogBreak } from "./log-break.ts";
import { readEvents } from "./read.ts";
import { recoverLog } from "./recover.ts";
import { listSegments, type SegmentName } from "./segments.ts";
import { breakDigest, breakOf, markDamaged, unmarkDamaged } from "./set-aside.ts";
import { ARCHIVE, KEY, PATH, archive, event, keeping, opener, written } from "./testing/aged-log.ts";
import { purgeSegments } from "./purge.ts";
import { verifyLog, type LogReport, type SegmentBreak } from "./verify.ts";

const open = opener(2500);
const plain = (disk: CrashingDisk) => ({ files: disk.files, archiveFolder: ARCHIVE });

/** Everything that does not verify, as far as lists lead. */
async function examined(files: FileLayer): Promise<{ report: LogReport; breaks: SegmentBreak[] }> {
  const breaks: SegmentBreak[] = [];
  const report = await verifyLog({ files, path: PATH, macKey: KEY, onBreak: (found) => breaks.push(found) });
  return { report, breaks };
}

const segmentsOf = (disk: CrashingDisk): SegmentName[] => listSegments(disk.files, PATH);
const flipped = (disk: CrashingDisk, ...paths: (string | undefined)[]): CrashingDisk =>
  disk.copy((path, bytes) => (paths.includes(path) ? Buffer.from(bytes.toString("latin1").replace('"r', '"R'), "latin1") : bytes));

/** The log with its second and third segment changed, and others' agreement recorded; `record` says how. */
async function acknowledged(record = true): Promise<{ disk: CrashingDisk; store: Store; breaks: SegmentBreak[]; gone: number }> {
  const { disk: whole, store } = await written(open);
  const segments = segmentsOf(whole);
  const disk = flipped(whole, segments[1]?.path, segments[2]?.path);
  const { files } = open(disk, store);
  const { breaks } = await examined(files);
  const { log } = open(disk, store);
  await markDamaged(plain(disk), breaks);
  if (record)
    await log.append({ ...event("ack", 41), action: "AcknowledgeAuditBreak", breaks: breaks.map((one) => breakOf(plain(disk), one)) });
  await log.append(event("later", 41));
  await log.close();
  return { disk, store, breaks, gone: breaks.reduce((total, { first, last }) => total + last - first + 1, 0) };
}

test("segments that ended are found damaged one by one, with everything behind them verified", async () => {
  const { disk, store } = await written(open);
  const segments = segmentsOf(disk);
  const broken = flipped(disk, segments[1]?.path, segments[3]?.path);
  const { files } = open(broken, store);
  const { report, breaks } = await examined(files);
  assert.deepEqual(
    breaks.map(({ path, first }) => [path, first]),
    [segments[1], segments[3]].map((segment) => [segment?.path, segment?.firstSequence]),
  );
  assert.deepEqual(
    breaks.map(({ last }) => last + 1),
    [segments[2]?.firstSequence, segments[4]?.firstSequence],
  );
  const sound = await verifyLog({ files: open(disk, store).files, path: PATH, macKey: KEY });
  assert.deepEqual([report.bad, report.events, report.head, report.root], [undefined, sound.events, sound.head, sound.root]);
  assert.deepEqual([...report.anchors], [...sound.anchors]);
  // Without being asked to go on, the first one ends it.
  const first = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.equal(first.firstBad, breaks[0]?.sequence);
});

test("damage of the segment that is being written, or of a list too, is crossed by nothing", async () => {
  const { disk, store } = await written(open);
  const segments = segmentsOf(disk);
  const last = flipped(disk, segments.at(-1)?.path);
  assert.ok((await examined(withArchive(last.files, ARCHIVE))).report.bad !== undefined);
  const second = segments[1]?.path;
  for (const change of [(bytes: Buffer) => Buffer.from(bytes.toString("latin1").replace("tree", "TREE")), () => Buffer.alloc(0)]) {
    const both = flipped(disk, second).copy((path, bytes) => (path === `${second}.anchors` ? change(bytes) : bytes));
    assert.equal((await examined(withArchive(both.files, ARCHIVE))).report.bad?.sequence, segments[1]?.firstSequence);
    // A list is not made again from lines that do not continue one another.
    assert.throws(() => open(both, store), LogBreak);
  }
});

test("a list that is gone is made again only from lines that continue one another, though none of them changes a record", async () => {
  const { disk, store } = await written(open);
  const second = segmentsOf(disk)[1]?.path;
  const withoutList = (): CrashingDisk => disk.copy((path, bytes) => (path === `${second}.anchors` ? undefined : bytes));
  assert.doesNotThrow(() => open(withoutList(), store));
  assert.throws(() => open(flipped(withoutList(), second), store), LogBreak);
});

test("a segment that is missing is crossed by its list at a start, which says so, and is found by the verification", async () => {
  const { disk, store } = await written(open);
  const [, second, third, fourth] = segmentsOf(disk);
  const without = disk.copy((path, bytes) => (path === second?.path || path === third?.path ? undefined : bytes));
  const recovered = recoverLog({ files: withArchive(without.files, ARCHIVE), path: PATH, store, macKey: KEY });
  assert.equal(recovered.lost, true);
  assert.equal(recoverLog({ files: withArchive(disk.files, ARCHIVE), path: PATH, store, macKey: KEY }).lost, false);
  const { report, breaks } = await examined(withArchive(without.files, ARCHIVE));
  assert.equal(report.bad, undefined);
  assert.deepEqual(
    breaks.map(({ first, last }) => [first, last]),
    [
      [second?.firstSequence, (third?.firstSequence ?? 0) - 1],
      [third?.firstSequence, (fourth?.firstSequence ?? 0) - 1],
    ],
  );
  assert.deepEqual(
    breaks.map((one) => breakOf(plain(without), one)).map(({ bytes, sha256 }) => [bytes, sha256]),
    [
      [0, ""],
      [0, ""],
    ],
  );
});

test("what was set aside and recorded verifies, is counted, and is left out by searches, followers and indexes", async () => {
  const { disk, store, breaks, gone } = await acknowledged();
  const { log, files } = open(disk, store);
  const report = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.deepEqual([report.bad, report.firstBad, report.unread, report.events], [undefined, undefined, gone, log.sequence]);
  assert.deepEqual(
    report.setAside.map(({ first, last }) => [first, last]),
    breaks.map(({ first, last }) => [first, last]),
  );
  // Whoever has no key still follows the chain across.
  assert.equal((await verifyLog({ files, path: PATH, macKey: undefined })).bad, undefined);

  const all = { files, path: PATH, macKey: KEY, upTo: log.sequence, after: 0, limit: 1000, filter: ANY_EVENT, hidden: new Set<string>() };
  for (const newestFirst of [false, true]) assert.equal((await readEvents({ ...all, newestFirst })).events.length, log.sequence - gone);
  const inside = breaks[0]?.first ?? 0;
  for (const after of [0, inside - 1, inside, inside + 1]) {
    const follower = log.follow(after);
    const seen: number[] = [];
    while (follower.after < log.sequence) seen.push(...((await follower.next()) ?? []).map(({ sequence }) => sequence));
    follower.cancel();
    const expected = Array.from({ length: log.sequence - after }, (_, at) => after + 1 + at);
    assert.deepEqual(
      seen,
      expected.filter((sequence) => !breaks.some(({ first, last }) => sequence >= first && sequence <= last)),
    );
  }
  assert.ok((await indexSegments({ files, path: PATH, macKey: KEY, log, wanted: () => true })) >= 0);
  await log.close();
});

test("a segment that is missing behind one that was set aside is crossed as well", async () => {
  const { disk, store, breaks } = await acknowledged();
  const behind = segmentsOf(disk).find(({ firstSequence }) => firstSequence === (breaks.at(-1)?.last ?? 0) + 1);
  const without = disk.copy((path, bytes) => (path === behind?.path ? undefined : bytes));
  const { files } = open(without, store);
  const { report, breaks: found } = await examined(files);
  assert.deepEqual([report.bad, found.map(({ first }) => first)], [undefined, [behind?.firstSequence]]);
});

test("a genuine list of no event leads nowhere: neither a verification nor a follower goes round at it for ever", async () => {
  const { disk, store } = await written(open);
  const [first, second] = segmentsOf(disk);
  const before = readAnchorList(disk.files, first as SegmentName, KEY);
  assert.ok(before !== undefined && second !== undefined);
  const empty = { ...before, firstSequence: second.firstSequence, lastSequence: second.firstSequence - 1, anchors: new Map() };
  const without = disk.copy((path, bytes) => (path === second.path ? undefined : bytes));
  writeAnchorList(without.files, second.path, empty, KEY);
  const { report, breaks } = await examined(withArchive(without.files, ARCHIVE));
  assert.deepEqual([report.bad?.sequence, breaks], [second.firstSequence, []]);
  assert.throws(() => recoverLog({ files: withArchive(without.files, ARCHIVE), path: PATH, store, macKey: KEY }), LogBreak);
  const marked = disk.copy();
  const { log } = open(marked, store);
  writeAnchorList(marked.files, second.path, empty, KEY);
  marked.files.open(`${second.path}.damaged`, "append").write(Buffer.from("x"), 0);
  const follower = log.follow(second.firstSequence - 1);
  await assert.rejects(follower.next(), LogBreak);
  follower.cancel();
  await log.close();
});

test("a mark that no event speaks of, or another event does, is found", async () => {
  const { disk, store, breaks } = await acknowledged(false);
  const { log, files } = open(disk, store);
  const unsaid = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.deepEqual([unsaid.bad?.sequence, unsaid.firstBad], [breaks[0]?.first, breaks[0]?.first]);
  const again = await examined(files);
  assert.deepEqual(
    again.breaks.map(({ first, last, hash }) => [first, last, hash]),
    breaks.map(({ first, last, hash }) => [first, last, hash]),
  );
  const named = breaks.map((one) => breakOf(plain(disk), one));
  for (const [at, fields] of [
    { action: "Sign", breaks: named },
    { action: "AcknowledgeAuditBreak", outcome: "PERMISSION_DENIED", breaks: named },
    { action: "AcknowledgeAuditBreak", breaks: named.slice(1) },
    { action: "AcknowledgeAuditBreak", breaks: named.map((one) => ({ ...one, hash: "0".repeat(64) })) },
  ].entries()) {
    await log.append({ ...event(`wrong-${at}`, 41), ...fields });
    assert.equal((await verifyLog({ files, path: PATH, macKey: KEY })).bad?.sequence, breaks[0]?.first, `${at}`);
  }
  await log.append({ ...event("right", 41), action: "AcknowledgeAuditBreak", breaks: named });
  assert.equal((await verifyLog({ files, path: PATH, macKey: KEY })).bad, undefined);
  await log.close();
});

test("marks are taken away again, and a list that is gone marks nothing", async () => {
  const { disk, store } = await written(open);
  const [, second, third] = segmentsOf(disk);
  const broken = flipped(disk, second?.path, third?.path);
  const { breaks } = await examined(open(broken, store).files);
  await markDamaged(plain(broken), breaks);
  assert.equal(segmentsOf(broken).filter(({ gone }) => gone === "damaged").length, 2);
  unmarkDamaged(plain(broken), breaks);
  assert.equal(segmentsOf(broken).filter(({ gone }) => gone !== undefined).length, 0);
  broken.files.remove(`${third?.path}.anchors`);
  await assert.rejects(markDamaged(plain(broken), breaks), { code: "AUDIT_UNAVAILABLE" });
  assert.equal(segmentsOf(broken).filter(({ gone }) => gone !== undefined).length, 0);
});

test("a break is named by all that is said of it: another file, place or end is another break", async () => {
  const one = { bytes: 10, first: 5, hash: "a".repeat(64), last: 9, sha256: "b".repeat(64) };
  const names = new Set(
    [one, { ...one, bytes: 11 }, { ...one, first: 4 }, { ...one, hash: "c".repeat(64) }, { ...one, last: 10 }, { ...one, sha256: "" }].map(
      (each) => breakDigest([each]),
    ),
  );
  assert.equal(names.add(breakDigest([one, one])).size, 7);
});

test("archiving leaves a damaged segment where it is, and deleting passes it by", async () => {
  const { disk, store } = await acknowledged();
  const { log, files } = open(disk, store);
  const moved = await archive(disk, log, 30);
  assert.ok(moved >= 2);
  const damaged = segmentsOf(disk).filter(({ gone }) => gone === "damaged");
  assert.deepEqual(
    damaged.map(({ path }) => disk.contents.has(path)),
    [true, true],
  );
  assert.equal(await purgeSegments(keeping(disk, log, 30)), moved);
  const report = await verifyLog({ files, path: PATH, macKey: KEY });
  assert.deepEqual([report.bad, report.setAside.length], [undefined, 2]);
  await log.close();
  const reopened = open(disk, store, ARCHIVE);
  assert.equal((await verifyLog({ files: reopened.files, path: PATH, macKey: KEY })).bad, undefined);
  await reopened.log.close();
});
