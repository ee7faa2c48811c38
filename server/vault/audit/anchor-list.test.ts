import assert from "node:assert/strict";
import { createHmac, createSecretKey, randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { recordDigest, recordName } from "../objects/record.ts";
import { memoryStore } from "../stores/memory.ts";
import type { RecordWrite, Store } from "../stores/store.ts";
import { readAnchorList, writeAnchorList } from "./anchor-list.ts";
import { CrashingDisk } from "./crashing-files.ts";
import type { EventFields } from "./event.ts";
import type { FileLayer } from "./file-layer.ts";
import { AuditLog } from "./log.ts";
import { recoverLog, type RecoveredLog } from "./recover.ts";
import { listSegments } from "./segments.ts";
import { sampleEvent } from "./testing/sample-event.ts";

const KEY = createSecretKey(randomBytes(32));
const PATH = "/audit/audit.log";
const SEGMENT_BYTES = 4_000;
const LIST = ".anchors";

const recover = (files: FileLayer, store: Store): RecoveredLog => recoverLog({ files, path: PATH, store, macKey: KEY });
const isList = (path: string): boolean => path.endsWith(LIST);

const plain = (request: string): EventFields => sampleEvent(request, { action: "Test" });

/** A log of many segments over changing records, and what it anchors. */
async function filled(disk: CrashingDisk, store: Store): Promise<ReadonlyMap<string, string>> {
  const options = { files: disk.files, path: PATH, store, macKey: KEY, syncMode: "full", segmentBytes: SEGMENT_BYTES } as const;
  const log = new AuditLog(recover(disk.files, store), options);
  const digests = new Map<string, string>();
  for (let at = 0; at < 120; at += 1) {
    const key = { namespace: "ns", kind: "key", id: `k${randomInt(20)}`, version: 0 } as const;
    const name = recordName(key);
    const before = digests.get(name);
    const bytes = before !== undefined && randomInt(4) === 0 ? undefined : randomBytes(20);
    const write: RecordWrite = { key, expected: before, bytes, digest: bytes === undefined ? "" : recordDigest(bytes) };
    const changes = randomInt(2) === 0;
    const fields = { ...plain(String(at)), ...(changes ? { records: [{ digest: write.digest, name }] } : {}) };
    await log.append(fields, changes ? [write] : []);
    if (changes && bytes !== undefined) digests.set(name, write.digest);
    else if (changes) digests.delete(name);
  }
  // The last segment has an event.
  if (log.sequence < (listSegments(disk.files, PATH).at(-1)?.firstSequence ?? 0)) await log.append(plain("last"));
  const anchors = new Map(log.anchors());
  await log.close();
  return anchors;
}

/** The paths that are read while the log is recovered. */
function opened(disk: CrashingDisk, store: Store): { readonly paths: readonly string[]; readonly recovered: RecoveredLog } {
  const paths: string[] = [];
  const files: FileLayer = {
    ...disk.files,
    open(path, mode) {
      if (mode === "read") paths.push(path);
      return disk.files.open(path, mode);
    },
  };
  return { recovered: recover(files, store), paths };
}

test("a start reads the lists of finished segments and the last segment, and knows what the whole log anchors", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const anchors = await filled(disk, store);
  const segments = listSegments(disk.files, PATH);
  assert.ok(segments.length > 8, String(segments.length));
  const { paths, recovered } = opened(disk, store);
  assert.deepEqual(recovered.anchors, anchors);
  assert.ok(recovered.sequence >= 120);
  assert.deepEqual(
    paths.filter((path) => !isList(path)),
    [segments.at(-1)?.path],
  );
});

const SPOILED: Readonly<Record<string, (bytes: Buffer) => Buffer | undefined>> = {
  missing: () => undefined,
  empty: () => Buffer.alloc(0),
  torn: (bytes) => bytes.subarray(0, bytes.length >> 1),
  zeroed: (bytes) => Buffer.alloc(bytes.length),
  altered: (bytes) =>
    Buffer.from(
      bytes.toString("latin1").replace(/\n[0-9a-f]/, (found) => (found === "\n0" ? "\n1" : "\n0")),
      "latin1",
    ),
  "longer than it was": (bytes) => Buffer.concat([bytes, Buffer.from("x")]),
  "another segment's": () => LISTS[0],
};
const LISTS: Buffer[] = [];

for (const [how, spoil] of Object.entries(SPOILED))
  test(`a list that is ${how} is not believed but made again from its segment`, async () => {
    const disk = new CrashingDisk();
    const store = memoryStore();
    const anchors = await filled(disk, store);
    const [first] = listSegments(disk.files, PATH);
    LISTS[0] = disk.contents.get(`${first?.path}${LIST}`)?.now as Buffer;
    const spoiled = disk.copy((path, bytes) => (isList(path) && path !== `${first?.path}${LIST}` ? spoil(bytes) : bytes));
    const once = opened(spoiled, store);
    assert.deepEqual(once.recovered.anchors, anchors);
    assert.equal(once.paths.filter((path) => !isList(path)).length, listSegments(disk.files, PATH).length - 1);
    const again = opened(spoiled, store);
    assert.deepEqual(again.recovered.anchors, anchors);
    assert.equal(again.paths.filter((path) => !isList(path)).length, 1, "made again");
  });

test("a list under another key is not believed, whatever it says", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const anchors = await filled(disk, store);
  const [segment] = listSegments(disk.files, PATH);
  assert.ok(segment !== undefined);
  const genuine = readAnchorList(disk.files, segment, KEY);
  assert.ok(genuine !== undefined);
  const forged = { ...genuine, anchors: new Map([["ns/key/k1/0", "0".repeat(64)]]) };
  writeAnchorList(disk.files, segment.path, forged, createSecretKey(randomBytes(32)));
  assert.deepEqual(recover(disk.files, store).anchors, anchors);
});

test("a finished segment that is gone is missed at the start; only its list leads across", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  await filled(disk, store);
  for (const [at, segment] of listSegments(disk.files, PATH).slice(0, -1).entries()) {
    const without = disk.copy((path, bytes) => (path === segment.path ? undefined : bytes));
    const { lost, sequence } = recover(without.files, store);
    assert.deepEqual([lost, sequence], [true, recover(disk.copy().files, store).sequence]);
    const neither = disk.copy((path, bytes) => (path.startsWith(segment.path) ? undefined : bytes));
    assert.throws(
      () => recover(neither.files, store),
      (error: HsmError) => error.code === "INTEGRITY_FAILURE" && error.detail.includes(`event ${segment.firstSequence}:`),
      String(at),
    );
  }
});

test("the last segment continues the chain of the one before it, or is refused", async () => {
  const one = new CrashingDisk();
  const store = memoryStore();
  await filled(one, store);
  const last = listSegments(one.files, PATH).at(-1);
  const before = listSegments(one.files, PATH).at(-2);
  assert.ok(last !== undefined && before !== undefined);
  const genuine = readAnchorList(one.files, before, KEY);
  assert.ok(genuine !== undefined);
  // As if the segment before had been exchanged for one of another history, list and all.
  writeAnchorList(one.files, before.path, { ...genuine, lastHash: "1".repeat(64) }, KEY);
  assert.throws(
    () => recover(one.files, store),
    (error: HsmError) => error.code === "INTEGRITY_FAILURE",
  );
});

test("a list that was made before its segment went on is made again", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const anchors = await filled(disk, store);
  const [segment] = listSegments(disk.files, PATH);
  assert.ok(segment !== undefined);
  const genuine = readAnchorList(disk.files, segment, KEY);
  assert.ok(genuine !== undefined);
  writeAnchorList(disk.files, segment.path, { ...genuine, lastSequence: genuine.lastSequence - 1, anchors: new Map() }, KEY);
  assert.deepEqual(recover(disk.files, store).anchors, anchors);
  assert.deepEqual(readAnchorList(disk.files, segment, KEY), genuine);
});

test("a list of format 1, which had no tree, is made again, and the tree is that of all events", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const anchors = await filled(disk, store);
  const right = recover(disk.files, store).tree;
  const old = disk.copy((path, bytes) => {
    if (!isList(path)) return bytes;
    const [, span, , ...lines] = bytes.toString("utf8").split("\n").slice(0, -2);
    const text = `${["keystead anchors 1", span, ...lines].join("\n")}\n`;
    return Buffer.from(`${text}${createHmac("sha256", KEY).update(text).digest("hex")}\n`, "utf8");
  });
  const recovered = recover(old.files, store);
  assert.deepEqual(recovered.anchors, anchors);
  assert.deepEqual([recovered.tree.before.size, recovered.tree.before.root()], [right.before.size, right.before.root()]);
  const [segment] = listSegments(old.files, PATH);
  assert.ok(segment !== undefined);
  assert.deepEqual(readAnchorList(old.files, segment, KEY), readAnchorList(disk.files, segment, KEY));
});
