/** Logs that somebody changed: recovery or verification sees it, and names the event. */
import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { AuditLog } from "./log.ts";
import { memoryFiles } from "./memory-files.ts";
import { recoverLog } from "./recover.ts";
import { listSegments } from "./segments.ts";
import { verifyLog } from "./verify.ts";
import { KEY, PATH, change, event, open, verify } from "./testing/opened-log.ts";

/** What becomes of a file: other bytes, or nothing. */
type Change = Parameters<CrashingDisk["copy"]>[0];

/** A log of three segments that ended well, and its store. */
async function ended(): Promise<{ disk: CrashingDisk; store: Store }> {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store, { segmentBytes: 800 });
  await log.append(event("1", { principal: "jwt:i:\ufffd" }));
  const made = change("k", "1");
  await log.append(made.fields, made.writes);
  await log.append(event("2"));
  await log.append(event("3"));
  await log.append(event("4"));
  await log.append(event("5", { principal: "jwt:i:\ufffd" }));
  await log.close();
  assert.equal(listSegments(disk.files, PATH).length, 3);
  return { disk, store };
}

/** What is said about a changed log: by recovery, or else by the background pass. */
async function found(disk: CrashingDisk, store: Store): Promise<{ by: "recovery" | "verification" | "nobody"; sequence: number }> {
  const copy = memoryStore();
  copy.setDurableSequence(store.durableSequence());
  try {
    recoverLog({ files: disk.files, path: PATH, store: copy, macKey: KEY });
  } catch (error) {
    assert.equal((error as HsmError).code, "INTEGRITY_FAILURE");
    return { by: "recovery", sequence: Number(/event (\d+):/.exec((error as HsmError).detail)?.[1]) };
  }
  const { bad } = await verify(disk.files);
  return bad === undefined ? { by: "nobody", sequence: 0 } : { by: "verification", sequence: bad.sequence };
}

test("no byte of a log that ended well can be changed unseen, and the event it is in is named", async () => {
  const { disk, store } = await ended();
  assert.deepEqual(await found(disk.copy(), store), { by: "nobody", sequence: 0 });
  for (const { path, firstSequence } of listSegments(disk.files, PATH)) {
    const { length } = disk.contents.get(path)?.now as Buffer;
    let sequence = firstSequence;
    for (let at = 0; at < length; at++) {
      const before = disk.contents.get(path)?.now[at] as number;
      for (const mask of [0x01, 0x20, 0x80, before, before ^ 0x0a, 0x1e]) {
        if (mask === 0) continue;
        const changed = disk.copy((other, bytes) => {
          if (other === path) bytes[at] = before ^ mask;
          return bytes;
        });
        const said = await found(changed, store);
        assert.ok(
          said.sequence === sequence || said.sequence === sequence + 1,
          `byte ${at} of ${path} (${before} to ${before ^ mask}) lies in event ${sequence}; ${said.by} said ${said.sequence}`,
        );
      }
      if (before === 10) sequence += 1;
    }
  }
});

test("a changed byte in events that were acknowledged but not yet told to the store is tampering, not a torn write", async () => {
  const disk = new CrashingDisk();
  const { log } = open(disk.files, memoryStore());
  for (let index = 0; index < 4; index++) await log.append(event(String(index)));
  const { path } = listSegments(disk.files, PATH)[0] as { path: string };
  const left = disk.afterCrash(() => false);
  const size = (left.contents.get(path)?.now as Buffer).lastIndexOf(10);
  for (let at = 0; at < size; at++) {
    const changed = left.copy((_path, bytes) => {
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes;
    });
    assert.equal((await found(changed, memoryStore())).by, "recovery", `byte ${at}`);
  }
});

test("a byte swapped for one that decodes alike is seen: the bytes count, not their reading", async () => {
  const { disk, store } = await ended();
  for (const { path } of listSegments(disk.files, PATH)) {
    const at = (disk.contents.get(path)?.now as Buffer).indexOf(Buffer.from("\ufffd"));
    if (at === -1) continue;
    // F1 BF BD is the start of a longer character and reads as U+FFFD too.
    const changed = disk.copy((other, bytes) => {
      if (other === path) bytes[at] = 0xf1;
      return bytes;
    });
    assert.notEqual((await found(changed, store)).by, "nobody");
  }
});

test("missing, swapped, emptied and doubled segments are named", async () => {
  const { disk, store } = await ended();
  const paths = listSegments(disk.files, PATH).map(({ path }) => path);
  const bytesOf = (path: string): Buffer => Buffer.from(disk.contents.get(path)?.now as Buffer);
  const after = (change: Change): ReturnType<typeof found> => found(disk.copy(change), store);
  const seen = async (what: string, change: Change): Promise<void> => assert.notEqual((await after(change)).by, "nobody", what);
  for (const one of paths) {
    await seen(`without ${one}`, (path, bytes) => (path === one ? undefined : bytes));
    await seen(`${one} emptied`, (path, bytes) => (path === one ? Buffer.alloc(0) : bytes));
    for (const other of paths) {
      if (one === other) continue;
      await seen("swapped", (path, bytes) => (path === one ? bytesOf(other) : path === other ? bytesOf(one) : bytes));
      await seen("doubled", (path, bytes) => (path === one ? bytesOf(other) : bytes));
    }
  }
  assert.equal((await after(() => undefined)).sequence, 1);
});

test("a log chained anew with another key does not verify, with or without recovery; the chain alone does", async () => {
  const files = memoryFiles();
  const other = createSecretKey(randomBytes(32));
  const recovered = recoverLog({ files, path: PATH, store: memoryStore(), macKey: other });
  const log = new AuditLog(recovered, { files, path: PATH, store: memoryStore(), macKey: other, syncMode: "full" });
  for (let index = 0; index < 3; index++) await log.append(event(String(index)));
  await log.close();
  const store = memoryStore();
  store.setDurableSequence(3);
  assert.throws(() => recoverLog({ files, path: PATH, store, macKey: KEY }), { code: "INTEGRITY_FAILURE", detail: /event 1:/ });
  assert.deepEqual((await verify(files)).bad, { sequence: 1, reason: "the MAC is wrong" });
  const unkeyed = await verifyLog({ files, path: PATH, macKey: undefined });
  assert.deepEqual([unkeyed.events, unkeyed.bad, unkeyed.authenticated], [3, undefined, false]);
});

test("a log that lost its end, as the store knows it, is refused at the first event that is missing", async () => {
  const { disk, store } = await ended();
  const { path, firstSequence } = listSegments(disk.files, PATH).at(-1) as { path: string; firstSequence: number };
  for (const left of [Buffer.alloc(0), undefined]) {
    const cut = disk.copy((other, bytes) => (other === path ? left : bytes));
    assert.equal((await found(cut, store)).sequence, firstSequence);
  }
});

test("a pass over a log that is being written stops where it was told", async () => {
  const files = memoryFiles();
  const { log } = open(files, memoryStore());
  for (let index = 0; index < 10; index++) await log.append(event(String(index)));
  const report = await verifyLog({ files, path: PATH, macKey: KEY, upTo: 7 });
  assert.deepEqual([report.events, report.bad], [7, undefined]);
  assert.deepEqual((await verifyLog({ files, path: PATH, macKey: KEY, upTo: 11 })).bad, { sequence: 11, reason: "the log ends here" });
  await log.close();
});
