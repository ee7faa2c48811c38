/** Disks and stores that fail: what is refused, what stops the log, and what the next start finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { parseLine } from "./event.ts";
import { memoryFiles } from "./memory-files.ts";
import { agree, change, event, ioError, lines, open, verify } from "./testing/opened-log.ts";

test("when the store cannot commit, everybody in the batch is refused, nothing changed, and the log goes on", async () => {
  const files = memoryFiles();
  const inner = memoryStore();
  let full = true;
  const store: Store = {
    ...inner,
    commit(...args) {
      if (full) throw new Error("database or disk is full");
      inner.commit(...args);
    },
  };
  const { log, stopped } = open(files, store);
  await log.append(event("before"));
  const made = change("k", "1");
  const results = await Promise.allSettled([log.append(event("beside")), log.append(made.fields, made.writes)]);
  for (const result of results) assert.equal((result as PromiseRejectedResult).reason?.code, "AUDIT_UNAVAILABLE");
  assert.deepEqual(
    [log.sequence, log.anchor("ns/key/k/0"), lines(files).length, await store.get({ namespace: "ns", kind: "key", id: "k", version: 0 })],
    [1, undefined, 1, undefined],
  );
  full = false;
  assert.equal((await log.append(made.fields, made.writes)).sequence, 2);
  assert.deepEqual(stopped, []);
  assert.equal((await verify(files)).bad, undefined);
  await log.close();
});

test("a full disk refuses every event and says so; when there is room again the chain goes on without a gap", async () => {
  const disk = new CrashingDisk();
  const { log, stopped } = open(disk.files, memoryStore());
  await log.append(event("1"));
  // Within what is zeroed ahead, and beyond it; after a failure nothing is, so that the next zeros ride on the write.
  for (const bytes of [10, 600_000]) {
    disk.before = (step) => {
      if (step === "write") throw ioError("ENOSPC");
    };
    const big = "x".repeat(bytes);
    const results = await Promise.allSettled([log.append(event(big)), log.append(event("beside"))]);
    for (const result of results) assert.equal((result as PromiseRejectedResult).reason?.code, "AUDIT_UNAVAILABLE", `${bytes} bytes`);
    assert.equal((results[0] as PromiseRejectedResult).reason.detail.includes("ENOSPC"), false);
    await assert.rejects(log.append(event("again")), { code: "AUDIT_UNAVAILABLE" });
    disk.before = () => undefined;
    await log.append(event("after"));
  }
  assert.deepEqual(stopped, []);
  assert.deepEqual(
    lines(disk.files).map((line) => parseLine(line)?.event.request),
    ["1", "after", "after"],
  );
  assert.equal((await verify(disk.afterCrash(() => false).files)).events, 3);
  await log.close();
});

test("a failed write that cannot be undone stops the log", async () => {
  const disk = new CrashingDisk();
  const { log, stopped } = open(disk.files, memoryStore());
  await log.append(event("1"));
  disk.before = (step) => {
    if (step === "write" || step === "truncate") throw ioError("EIO");
  };
  await assert.rejects(log.append(event("2")), { code: "AUDIT_UNAVAILABLE" });
  disk.before = () => undefined;
  await assert.rejects(log.append(event("3")), { code: "AUDIT_UNAVAILABLE" });
  assert.equal(stopped.length, 1);
  await log.close();
});

test("a failed sync stops the log for good: nobody knows what the disk holds", async () => {
  const disk = new CrashingDisk();
  const { log, stopped } = open(disk.files, memoryStore());
  await log.append(event("1"));
  disk.before = (step) => {
    if (step === "sync") throw ioError("EIO");
  };
  const results = await Promise.allSettled([log.append(event("2")), log.append(event("3"))]);
  for (const result of results) assert.equal((result as PromiseRejectedResult).reason?.code, "AUDIT_UNAVAILABLE");
  disk.before = () => undefined;
  await assert.rejects(log.append(event("4")), (error: HsmError) => error.code === "AUDIT_UNAVAILABLE" && error === log.stopped);
  assert.equal(stopped.length, 1);
  assert.equal(log.sequence, 1);
  await log.close();
  assert.equal(open(disk.afterCrash(() => false).files, memoryStore()).log.sequence, 1);
});

test("a change whose lines cannot reach the segment is still durable: its waiter goes on, the log stops, the next start finishes it", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log, stopped } = open(disk.files, store);
  await log.append(event("1"));
  disk.before = (step) => {
    if (step === "write") throw ioError("EIO");
  };
  const made = change("k", "1");
  assert.equal((await log.append(made.fields, made.writes)).sequence, 2);
  assert.equal(stopped.length, 1);
  await assert.rejects(log.append(event("3")), { code: "AUDIT_UNAVAILABLE" });
  const next = open(disk.afterCrash(() => true).files, store);
  assert.deepEqual([next.log.sequence, next.replayedLines], [2, 1]);
  await agree(store, next.log.anchors());
});
