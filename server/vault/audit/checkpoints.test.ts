import assert from "node:assert/strict";
import { createPublicKey, createSecretKey, generateKeyPairSync, hash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { parseCheckpoint } from "@keystead/crypto/public/tlog/checkpoint";
import { isSignedBy, parseNote } from "@keystead/crypto/public/tlog/note";
import { consistencyProof, inclusionProof, provesConsistency, provesInclusion } from "@keystead/crypto/public/tlog/proof";
import { leafHash } from "@keystead/crypto/public/tlog/tree-hash";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";
import { CheckpointFile, cosignedNote } from "./checkpoint-file.ts";
import { Checkpoints } from "./checkpoints.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { parseLine, type EventFields } from "./event.ts";
import type { FileLayer } from "./file-layer.ts";
import { AuditLog, type AuditLogOptions } from "./log.ts";
import { LogTree } from "./log-tree.ts";
import { recoverLog } from "./recover.ts";
import { listSegments, readLines } from "./segments.ts";
import { TreeFiles } from "./tree-files.ts";
import { verifyLog, type LogReport } from "./verify.ts";
import { sampleEvent } from "./testing/sample-event.ts";

const KEY = createSecretKey(randomBytes(32));
const SIGNING = generateKeyPairSync("ed25519").privateKey;
const PATH = "/audit/log";
const NAME = "example.test/log";

const event = (request: number): EventFields => sampleEvent(String(request));

interface Opened {
  readonly log: AuditLog;
  readonly tree: TreeFiles;
  readonly file: CheckpointFile;
  readonly checkpoints: Checkpoints;
}

function open(files: FileLayer, store: Store, events: number, options: Partial<AuditLogOptions> = {}): Opened {
  const recovered = recoverLog({ files, path: PATH, store, macKey: KEY });
  const tree = new TreeFiles(files, PATH, recovered.tree.before.size);
  const file = new CheckpointFile(files, PATH);
  const checkpoints: Checkpoints = new Checkpoints(
    { origin: NAME, privateKey: SIGNING, events, seconds: 1000 },
    file,
    recovered.sequence,
    () => log.head(),
  );
  const log: AuditLog = new AuditLog(recovered, {
    files,
    path: PATH,
    store,
    macKey: KEY,
    syncMode: "full",
    tree: new LogTree(recovered.tree, tree),
    watcher: checkpoints,
    ...options,
  });
  return { log, tree, file, checkpoints };
}

async function fill(log: AuditLog, events: number): Promise<void> {
  for (let at = 0; at < events; at += 50)
    await Promise.all(Array.from({ length: Math.min(50, events - at) }, (_, more) => log.append(event(at + more))));
}

/** A log of 1,200 events in several segments, closed and opened on the way. */
async function filled(): Promise<{ disk: CrashingDisk; store: Store }> {
  const disk = new CrashingDisk();
  const store = memoryStore();
  for (let round = 0; round < 3; round += 1) {
    const { log } = open(disk.files, store, 100, { segmentBytes: 100_000 });
    await fill(log, 400);
    await log.close();
  }
  return { disk, store };
}

const hashesOf = (files: FileLayer): Buffer[] =>
  listSegments(files, PATH).flatMap(({ path }) =>
    [...readLines(files.open(path, "read"))].map(({ line }) => Buffer.from(parseLine(line)?.hash as string, "hex")),
  );

const verify = (files: FileLayer, more: Partial<Parameters<typeof verifyLog>[0]> = {}): Promise<LogReport> =>
  verifyLog({
    files,
    path: PATH,
    macKey: KEY,
    checkpoints: new CheckpointFile(files, PATH).all(),
    checkpointKey: createPublicKey(SIGNING),
    ...more,
  });

test("checkpoints come at a log's end and each names the one before, its segment's bytes and the tree's root", async () => {
  const { disk } = await filled();
  const file = new CheckpointFile(disk.files, PATH);
  const stored = [...file.all()];
  assert.equal(stored.at(-1)?.size, 1200);
  assert.ok([400, 800, 1200].every((size) => stored.some((one) => one.size === size)));
  let previous: string | undefined;
  for (const { note, size } of stored) {
    const { text } = parseNote(note);
    const { origin, extensions } = parseCheckpoint(text);
    assert.equal(origin, NAME);
    const segment = listSegments(disk.files, PATH).findLast(({ firstSequence }) => firstSequence <= size);
    const reader = disk.files.open(segment?.path as string, "read");
    const end = [...readLines(reader)][size - (segment?.firstSequence as number)]?.end as number;
    const bytes = Buffer.alloc(end);
    reader.read(bytes, 0);
    assert.deepEqual(extensions, [
      `segment ${segment?.firstSequence} ${hash("sha512", bytes, "hex")}`,
      ...(previous === undefined ? [] : [`previous ${previous}`]),
    ]);
    previous = hash("sha512", text, "hex");
  }
  const report = await verify(disk.files);
  assert.deepEqual([report.bad, report.badCheckpoint, report.checkpoints], [undefined, undefined, stored.length]);
});

test("by count a checkpoint is due, by the key whose name it bears", async () => {
  const disk = new CrashingDisk();
  const { log, file, checkpoints } = open(disk.files, memoryStore(), 10);
  await fill(log, 9);
  assert.equal(file.latest(), undefined);
  const made = new Promise<void>((resolve) => checkpoints.onMade(resolve));
  await fill(log, 1);
  await made;
  const latest = file.latest();
  assert.equal(latest?.size, 10);
  assert.ok(isSignedBy(parseNote(latest.note), checkpoints.key));
  assert.deepEqual(new CheckpointFile(disk.afterCrash(() => false).files, PATH).latest(), latest, "it is on the disk");
  await log.close();
});

test("by time a checkpoint is due for events that none covers", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const recovered = recoverLog({ files: disk.files, path: PATH, store, macKey: KEY });
  const file = new CheckpointFile(disk.files, PATH);
  const checkpoints: Checkpoints = new Checkpoints({ origin: NAME, privateKey: SIGNING, events: 1e6, seconds: 0.01 }, file, 0, () =>
    log.head(),
  );
  const log: AuditLog = new AuditLog(recovered, {
    files: disk.files,
    path: PATH,
    store,
    macKey: KEY,
    syncMode: "full",
    watcher: checkpoints,
  });
  const made = new Promise<void>((resolve) => checkpoints.onMade(resolve));
  // Timers of the log do not keep a process.
  const alive = setInterval(() => undefined, 1000);
  await log.append(event(1));
  await made;
  clearInterval(alive);
  assert.equal(file.latest()?.size, 1);
  await log.close();
});

test("proofs made of the tree's files are right for every event and every checkpoint", async () => {
  const { disk, store } = await filled();
  const { tree, file, log } = open(disk.files, store, 100, { segmentBytes: 100_000 });
  const entries = hashesOf(disk.files);
  assert.deepEqual(tree.hashes("entries", 0, 1200), Buffer.concat(entries));
  const roots = [...file.all()].map(({ note }) => parseCheckpoint(parseNote(note).text));
  for (const [at, { size, root }] of roots.entries()) {
    for (let index = at; index < size; index += 37)
      assert.ok(provesInclusion(leafHash(entries[index] as Buffer), index, size, root, inclusionProof(index, size, tree.nodes)));
    for (const old of roots.slice(0, at + 1))
      assert.ok(provesConsistency(old.size, size, old.root, root, consistencyProof(old.size, size, tree.nodes)));
  }
  await log.close();
});

test("after any crash the tree is that of the log, and no two checkpoints contradict each other", async () => {
  for (let run = 0; run < 60; run += 1) {
    const disk = new CrashingDisk();
    const store = memoryStore();
    const { log, file } = open(disk.files, store, 20, { segmentBytes: 20_000 });
    await fill(log, 300);
    const told = [...file.all()];
    const after = disk.afterCrash(() => Math.random() < 0.5);
    const again = open(after.files, store, 20, { segmentBytes: 20_000 });
    const kept = [...again.file.all()];
    assert.deepEqual(kept.slice(0, told.length), told, "what was told is there");
    await fill(again.log, 50);
    await again.log.close();
    await log.close();
    const report = await verify(after.files);
    assert.deepEqual([report.bad, report.badCheckpoint, report.events], [undefined, undefined, 350]);
  }
});

test("files of the tree that are missing, torn or wrong are made right by the pass over the log", async () => {
  const spoil: Readonly<Record<string, (bytes: Buffer) => Buffer | undefined>> = {
    missing: () => undefined,
    torn: (bytes) => bytes.subarray(0, bytes.length >> 1),
    wrong: (bytes) => randomBytes(bytes.length),
  };
  for (const [how, change] of Object.entries(spoil)) {
    const { disk, store } = await filled();
    const entries = hashesOf(disk.files);
    const spoiled = disk.copy((path, bytes) => (path.includes(".tree.") ? change(bytes) : bytes));
    const { log, tree, file } = open(spoiled.files, store, 100);
    const { size, root } = parseCheckpoint(parseNote(file.latest()?.note as string).text);
    const isRight = (): boolean => {
      try {
        return (
          tree.hashes("entries", 0, size).equals(Buffer.concat(entries)) &&
          provesInclusion(leafHash(entries[3] as Buffer), 3, size, root, inclusionProof(3, size, tree.nodes))
        );
      } catch (error) {
        assert.equal((error as { code?: string }).code, "PROVIDER_UNAVAILABLE", how);
        return false;
      }
    };
    assert.equal(isRight(), false, how);
    const mender = tree.mender();
    await verify(spoiled.files, { onEvent: mender.take });
    assert.ok(mender.finish() > 0);
    assert.equal(isRight(), true, how);
    await fill(log, 600);
    await log.close();
    assert.deepEqual((await verify(spoiled.files)).badCheckpoint, undefined);
  }
});

test("a checkpoint that does not say what the log says is found, and which one", async () => {
  const { disk } = await filled();
  const sizes = [...new CheckpointFile(disk.files, PATH).all()].map(({ size }) => size);
  const [first, second] = sizes as [number, number];
  const changed = async (change: (text: string) => string, more = {}): Promise<LogReport["badCheckpoint"]> => {
    const copy = disk.copy((path, bytes) => (path.endsWith(".checkpoints") ? Buffer.from(change(bytes.toString("utf8"))) : bytes));
    return (await verify(copy.files, more)).badCheckpoint;
  };
  const line = (text: string, at: number): string => text.split("\n")[at] as string;
  assert.equal(await changed((text) => text), undefined);
  assert.deepEqual(await changed((text) => text.replace("segment 1 ", "segment 2 ")), { size: first, reason: "its signature is wrong" });
  assert.deepEqual(await changed((text) => text.replace("segment 1 ", "segment 2 "), { checkpointKey: undefined }), {
    size: first,
    reason: "its segment's digest is not the segment's",
  });
  assert.deepEqual(await changed((text) => text.replace(`${line(text, 1)}\n`, "")), {
    size: sizes[2],
    reason: "it does not name the checkpoint before it",
  });
  assert.deepEqual(await changed((text) => `${line(text, 1)}\n${text}`), { size: first, reason: "it stands in the wrong place" });
  assert.deepEqual(await changed((text) => text.replace(`"size":${second}`, `"size":${second - 1}`)), {
    size: second - 1,
    reason: `it speaks of ${second} events`,
  });
  const short = disk.copy((path, bytes) =>
    path.startsWith(PATH) && /\d{16}$/.test(path) && !path.endsWith("0000001") ? undefined : bytes,
  );
  const keyless = await verify(short.files, { macKey: undefined });
  assert.match(keyless.badCheckpoint?.reason ?? "", /the log has only \d+ events/);
  assert.equal(keyless.firstBad, keyless.events + 1);
  // The lists of segments that ended know of them too, and need no checkpoint.
  const listed = await verify(short.files, { checkpoints: [] });
  assert.deepEqual([listed.firstBad, listed.bad?.sequence], [listed.events + 1, listed.events + 1]);
  assert.match(listed.bad?.reason ?? "", /missing; an anchor list knows of \d+ events/);
});

test("a log that is shorter than its last checkpoint, or has another's checkpoints, is not opened", async () => {
  const { disk, store } = await filled();
  const { file } = open(disk.copy().files, store, 100);
  assert.throws(() => new Checkpoints({ origin: NAME, privateKey: SIGNING, events: 1, seconds: 1 }, file, 1199, () => undefined), {
    code: "INTEGRITY_FAILURE",
    detail: /event 1200: missing/,
  });
  const { privateKey } = generateKeyPairSync("ed25519");
  assert.throws(() => new Checkpoints({ origin: NAME, privateKey, events: 1, seconds: 1 }, file, 1200, () => undefined), {
    code: "INTEGRITY_FAILURE",
  });
  // What stands beside the note is not signed: it hides no event.
  const shrunk = disk.copy((path, bytes) =>
    path.endsWith(".checkpoints") ? Buffer.from(bytes.toString("utf8").replace('"size":1200,', '"size":1199,')) : bytes,
  );
  const other = new CheckpointFile(shrunk.files, PATH);
  assert.throws(() => new Checkpoints({ origin: NAME, privateKey: SIGNING, events: 1, seconds: 1 }, other, 1199, () => undefined), {
    code: "INTEGRITY_FAILURE",
    detail: /does not verify/,
  });
  // Another origin is another name of the same key.
  assert.equal(
    new Checkpoints({ origin: "other", privateKey: SIGNING, events: 1, seconds: 1 }, file, 1200, () => undefined).key.name,
    "other",
  );
});

test("a torn line at the end of the checkpoint file is cut; cosignatures stand with their checkpoint", async () => {
  const { disk } = await filled();
  const path = `${PATH}.checkpoints`;
  const before = [...new CheckpointFile(disk.files, PATH).all()];
  const torn = disk.copy((name, bytes) => (name === path ? bytes.subarray(0, -10) : bytes));
  const file = new CheckpointFile(torn.files, PATH);
  assert.deepEqual([...file.all()], before.slice(0, -1));
  const size = before[0]?.size as number;
  await file.cosign(size, "\u2014 w AAAA");
  await file.add(2000, "a\n");
  await file.cosign(size, "\u2014 v AAAA");
  const again = new CheckpointFile(torn.files, PATH);
  assert.deepEqual(again.covering(1)?.cosignatures, ["\u2014 w AAAA", "\u2014 v AAAA"]);
  assert.ok(cosignedNote(again.covering(size) as never).endsWith("\u2014 w AAAA\n\u2014 v AAAA\n"));
  assert.deepEqual([again.latest()?.size, again.covering(2001), again.list(size + 1, 1)[0]?.size], [2000, undefined, before[1]?.size]);
});

test("what a failed write left behind stands behind no line of the checkpoint file", async () => {
  const disk = new CrashingDisk();
  const file = new CheckpointFile(disk.files, PATH);
  await file.add(10, "ten\n");
  disk.before = (step) => {
    if (step === "sync") throw Object.assign(new Error("no room"), { code: "ENOSPC" });
  };
  await assert.rejects(file.add(20, `${"long ".repeat(40)}\n`), { code: "ENOSPC" });
  disk.before = () => undefined;
  await file.cosign(10, "\u2014 w AAAA");
  const again = new CheckpointFile(disk.files, PATH);
  assert.deepEqual([...again.all()], [{ size: 10, note: "ten\n", cosignatures: ["\u2014 w AAAA"] }]);
});

test("a line of the checkpoint file that no crash leaves is damage, and nothing behind it is cut", async () => {
  const { disk } = await filled();
  const path = `${PATH}.checkpoints`;
  const changed: Record<string, (bytes: Buffer) => Buffer> = {
    "a letter of the first line": (bytes) => Buffer.concat([Buffer.from("["), bytes.subarray(1)]),
    "a zero in the first line": (bytes) => Buffer.concat([bytes.subarray(0, 5), Buffer.alloc(1), bytes.subarray(6)]),
    "a line that is none of ours": (bytes) => Buffer.concat([bytes, Buffer.from('{"size":"?"}\n')]),
    "more than a line without its newline": (bytes) => Buffer.concat([bytes, Buffer.alloc(100_000, "x")]),
  };
  for (const [what, change] of Object.entries(changed)) {
    const copy = disk.copy((name, bytes) => (name === path ? change(bytes) : bytes));
    const before = copy.contents.get(path)?.now.length;
    assert.throws(() => new CheckpointFile(copy.files, PATH), { code: "INTEGRITY_FAILURE" }, what);
    assert.equal(copy.contents.get(path)?.now.length, before, what);
  }
  // A page in the middle of the last line did not arrive, the one after it did.
  const whole = [...new CheckpointFile(disk.files, PATH).all()];
  const holed = disk.copy((name, bytes) => {
    if (name !== path) return bytes;
    const copy = Buffer.from(bytes);
    copy.fill(0, copy.length - 60, copy.length - 30);
    return copy;
  });
  assert.deepEqual([...new CheckpointFile(holed.files, PATH).all()], whole.slice(0, -1));
});

test("a segment ends with the first event after its time", async () => {
  const disk = new CrashingDisk();
  const { log } = open(disk.files, memoryStore(), 100, { segmentSeconds: 0 });
  for (let at = 0; at < 3; at += 1) await log.append(event(at));
  await log.close();
  assert.deepEqual(
    listSegments(disk.files, PATH).map(({ firstSequence }) => firstSequence),
    [1, 2, 3, 4],
  );
  assert.equal((await verify(disk.files)).events, 3);
});
