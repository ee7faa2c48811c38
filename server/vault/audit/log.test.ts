import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import type { SyncMode } from "@keystead/contract/config";
import { recordDigest, recordName } from "../objects/record.ts";
import { memoryStore } from "../stores/memory.ts";
import type { RecordWrite, Store } from "../stores/store.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { GENESIS, parseLine, type EventFields } from "./event.ts";
import { systemFiles, type FileLayer } from "./file-layer.ts";
import { AuditLog, type AuditLogOptions, type Receipt } from "./log.ts";
import { memoryFiles } from "./memory-files.ts";
import { recoverLog } from "./recover.ts";
import { listSegments, readLines } from "./segments.ts";
import { verifyLog, type LogReport } from "./verify.ts";

const KEY = createSecretKey(randomBytes(32));
const PATH = "/audit/audit.log";

const event = (request: string, more: Partial<EventFields> = {}): EventFields => ({
  action: "Sign",
  authentication: "token",
  decision: "allow",
  key: "k",
  namespace: "ns",
  outcome: "OK",
  payload: "",
  principal: "jwt:i:s",
  request,
  time: "2026-01-01T00:00:00.000Z",
  version: 1,
  ...more,
});

function change(id: string, text: string, before?: string): { fields: EventFields; writes: RecordWrite[] } {
  const bytes = Buffer.from(text);
  const key = { namespace: "ns", kind: "key", id, version: 0 } as const;
  const write: RecordWrite = {
    key,
    expected: before === undefined ? undefined : recordDigest(Buffer.from(before)),
    bytes,
    digest: recordDigest(bytes),
  };
  return {
    fields: event(`${id}=${text}`, { action: "RotateKey", key: id, records: [{ digest: write.digest, name: recordName(key) }] }),
    writes: [write],
  };
}

interface Opened {
  readonly log: AuditLog;
  readonly stopped: HsmError[];
  readonly cutBytes: number;
  readonly replayedLines: number;
}

function open(files: FileLayer, store: Store, options: Partial<AuditLogOptions> = {}): Opened {
  const stopped: HsmError[] = [];
  const recovered = recoverLog({ files, path: options.path ?? PATH, store, macKey: KEY });
  const log = new AuditLog(recovered, {
    files,
    path: PATH,
    store,
    macKey: KEY,
    syncMode: "full",
    onStopped: (error) => stopped.push(error),
    ...options,
  });
  return { log, stopped, cutBytes: recovered.cutBytes, replayedLines: recovered.replayedLines };
}

const verify = (files: FileLayer, path = PATH): Promise<LogReport> => verifyLog({ files, path, macKey: KEY });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function lines(files: FileLayer, path = PATH): string[] {
  return listSegments(files, path).flatMap((segment) => {
    const file = files.open(segment.path, "read");
    const found = [...readLines(file)].map(({ line }) => line);
    file.close();
    return found;
  });
}

/** Store and log must say the same of every record. */
async function agree(store: Store, anchors: ReadonlyMap<string, string>): Promise<void> {
  const stored = new Map<string, string>();
  for await (const { key, bytes } of store.all()) stored.set(recordName(key), recordDigest(bytes));
  assert.deepEqual(new Map([...anchors].filter(([, digest]) => digest !== "").sort()), new Map([...stored].sort()));
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keystead-log-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

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
    scattered.push(log.append(event(String(index)), [], true));
    await turn();
  }
  scattered.push(log.append(event("now")));
  await Promise.all(scattered);
  assert.deepEqual([log.counters.events, log.counters.batches], [5, 1]);
  await Promise.all(Array.from({ length: 16 }, (_, index) => log.append(event(`many ${index}`), [], true)));
  assert.deepEqual([log.counters.events, log.counters.batches], [21, 2]);
  await log.close();
});

test("a patient event that nobody joins is written all the same, also when the log is closed meanwhile", async () => {
  const { log } = open(memoryFiles(), memoryStore());
  assert.equal((await log.append(event("alone"), [], true)).sequence, 1);
  const last = log.append(event("the last"), [], true);
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

const ioError = (code: string): Error => Object.assign(new Error(`${code}: the disk says no`), { code });

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

// ---- crashes

interface Life {
  readonly disk: CrashingDisk;
  readonly store: Store;
  readonly acknowledged: Receipt[];
  readonly steps: number;
}

/** A life of a log that ends, at the latest, at step `last`: from then on the disk and the store do nothing. */
async function live(mode: SyncMode, last: number): Promise<Life> {
  const disk = new CrashingDisk();
  const inner = memoryStore();
  let steps = 0;
  const step = (): void => {
    if (++steps > last) throw ioError("dead");
  };
  disk.before = step;
  const store: Store = {
    ...inner,
    commit(...args) {
      step();
      inner.commit(...args);
      step();
    },
    setDurableSequence(sequence) {
      step();
      inner.setDurableSequence(sequence);
    },
  };
  const acknowledged: Receipt[] = [];
  try {
    const { log } = open(disk.files, store, { syncMode: mode, segmentBytes: 2500 });
    const does = async (...appends: Promise<Receipt>[]): Promise<void> => {
      const results = await Promise.allSettled(appends);
      if (steps <= last) for (const result of results) if (result.status === "fulfilled") acknowledged.push(result.value);
    };
    const put = (id: string, text: string, before?: string): Promise<Receipt> => {
      const made = change(id, text, before);
      return log.append(made.fields, made.writes);
    };
    await does(log.append(event("1")), log.append(event("2")));
    await does(put("a", "1"));
    await does(put("a", "2", "1"), put("b", "1"), log.append(event("beside")));
    await does(log.append(event("3")), log.append(event("x".repeat(700))));
    await does(put("b", "2", "1"), log.append(event("4")));
    await does(log.append(event("5")));
    await does(put("c", "1"));
    await does(put("d", "1"), put("c", "2", "1"));
    await does(log.append(event("6")));
    await log.close();
  } catch {
    // Died at start or close.
  }
  return { disk, store: inner, acknowledged, steps };
}

async function afterwards({ disk, store, acknowledged }: Life, keep: () => boolean, lossless: boolean): Promise<void> {
  const left = disk.afterCrash(keep);
  const { log } = open(left.files, store, { segmentBytes: 2500 });
  const report = await verify(left.files);
  assert.equal(report.bad, undefined);
  assert.equal(report.events, log.sequence);
  if (lossless) {
    const hashes = lines(left.files).map((line) => parseLine(line)?.hash);
    for (const { sequence, hash } of acknowledged)
      assert.equal(hashes[sequence - 1], hash, `event ${sequence} was acknowledged and is lost`);
  }
  await agree(store, log.anchors());
  assert.deepEqual(report.anchors, log.anchors());
  await log.append(event("the next life"));
  const made = change("later", "1");
  await log.append(made.fields, made.writes);
  await log.close();
  assert.equal((await verify(left.files)).bad, undefined);
  assert.equal(store.outbox().length, 0);
}

function random(seed: number): () => boolean {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state > 0x7fffffff;
  };
}

for (const mode of ["full", "normal", "none"] as const) {
  test(`${mode}: after a crash at any step, with any unsynced pages lost, the log recovers${mode === "full" ? " and nothing acknowledged is missing" : " without a gap"}`, async () => {
    const { steps } = await live(mode, Infinity);
    assert.ok(steps > 20);
    for (let last = 0; last <= steps; last++) {
      const choices = [() => false, () => true, ...Array.from({ length: 6 }, (_, index) => random(last * 100 + index))];
      for (const keep of choices) await afterwards(await live(mode, last), keep, mode === "full");
    }
  });
}

test("the segment may be cut at any byte after its last sync: nothing acknowledged is lost, torn lines go, the outbox comes back", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store);
  for (let index = 0; index < 3; index++) await log.append(event(String(index)));
  const [segment] = listSegments(disk.files, PATH);
  const path = segment?.path as string;
  const whole = (): Buffer => disk.contents.get(path)?.now as Buffer;
  const durableEnd = whole().indexOf(0);
  const made = change("k", "1");
  await Promise.all([log.append(made.fields, made.writes), log.append(event("é"))]);
  const wholeEnd = whole().indexOf(0);
  const expected = whole().subarray(0, wholeEnd);
  assert.ok(wholeEnd > durableEnd + 500);
  const commitAgain = (): Store => {
    const copy = memoryStore();
    copy.commit(made.writes, store.outbox(), store.durableSequence());
    return copy;
  };
  for (let cut = durableEnd; cut <= wholeEnd; cut++) {
    for (const zeros of [0, 1000]) {
      const left = disk.copy((_path, bytes) => Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(zeros)]));
      const next = open(left.files, commitAgain());
      assert.equal(next.log.sequence, 5, `cut at ${cut}`);
      assert.ok(left.contents.get(path)?.durable.subarray(0, wholeEnd).equals(expected), `cut at ${cut}: not byte for byte`);
      await next.log.close();
      assert.equal((await verify(left.files)).events, 5);
    }
  }
});

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
  const bytesOf = (path: string): Buffer => disk.contents.get(path)?.now as Buffer;
  for (const missing of paths)
    assert.notEqual(
      (
        await found(
          disk.copy((path, bytes) => (path === missing ? undefined : bytes)),
          store,
        )
      ).by,
      "nobody",
      `without ${missing}`,
    );
  for (const emptied of paths)
    assert.notEqual(
      (
        await found(
          disk.copy((path, bytes) => (path === emptied ? Buffer.alloc(0) : bytes)),
          store,
        )
      ).by,
      "nobody",
      `${emptied} emptied`,
    );
  for (const a of paths) {
    for (const b of paths) {
      if (a === b) continue;
      assert.notEqual(
        (
          await found(
            disk.copy((path, bytes) => (path === a ? Buffer.from(bytesOf(b)) : path === b ? Buffer.from(bytesOf(a)) : bytes)),
            store,
          )
        ).by,
        "nobody",
        "swapped",
      );
      assert.notEqual(
        (
          await found(
            disk.copy((path, bytes) => (path === a ? Buffer.from(bytesOf(b)) : bytes)),
            store,
          )
        ).by,
        "nobody",
        "doubled",
      );
    }
  }
  assert.equal(
    (
      await found(
        disk.copy(() => undefined),
        store,
      )
    ).sequence,
    1,
  );
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
  assert.equal(
    (
      await found(
        disk.copy((other, bytes) => (other === path ? Buffer.alloc(0) : bytes)),
        store,
      )
    ).sequence,
    firstSequence,
  );
  assert.equal(
    (
      await found(
        disk.copy((other, bytes) => (other === path ? undefined : bytes)),
        store,
      )
    ).sequence,
    firstSequence,
  );
});

test("an outbox that does not continue the log is refused, as is one that differs from it", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store);
  await log.append(event("1"));
  const made = change("k", "1");
  await log.append(made.fields, made.writes);
  await log.append(event("3"));
  const more = change("j", "1");
  await log.append(more.fields, more.writes);
  const good = store.outbox().find(({ sequence }) => sequence === 4);
  const forge = (sequence: number, line: Buffer): Store => {
    const copy = memoryStore();
    copy.commit([], [{ sequence, line }], 3);
    return copy;
  };
  const bytes = good?.line as Buffer;
  const torn = disk.afterCrash(() => false);
  assert.equal(lines(torn.files).length, 3);
  // The line of event 5, where 4 is missing.
  const last = change("i", "1");
  await log.append(last.fields, last.writes);
  const line5 = store.outbox().find(({ sequence }) => sequence === 5)?.line as Buffer;
  for (const [sequence, line] of [
    [4, Buffer.from("garbage\n")],
    [5, line5],
    [4, Buffer.concat([bytes.subarray(0, 40), Buffer.from([(bytes[40] as number) ^ 1]), bytes.subarray(41)])],
  ] as const) {
    assert.throws(() => recoverLog({ files: torn.copy().files, path: PATH, store: forge(sequence, line), macKey: KEY }), {
      code: "INTEGRITY_FAILURE",
    });
  }
  assert.throws(() => recoverLog({ files: disk.copy().files, path: PATH, store: forge(4, Buffer.from("another\n")), macKey: KEY }), {
    code: "INTEGRITY_FAILURE",
    detail: /differs/,
  });
});

test("an outbox is enough: a log whose files never reached the disk comes back from it", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store);
  const made = change("k", "1");
  await log.append(made.fields, made.writes);
  const next = open(new CrashingDisk().files, store);
  assert.deepEqual([next.log.sequence, next.replayedLines], [1, 1]);
  await agree(store, next.log.anchors());
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

test("reading a full segment is linear in its size", async (t) => {
  const path = join(folder(t), "audit.log");
  const { log } = open(systemFiles, memoryStore(), { path, syncMode: "none" });
  const timed = async (events: number): Promise<number> => {
    await Promise.all(Array.from({ length: events }, (_, index) => log.append(event(String(index)))));
    const file = systemFiles.open(join(path, "..", readdirSync(join(path, ".."))[0] as string), "read");
    const started = process.cpuUsage();
    let count = 0;
    for (const { end } of readLines(file)) if (end !== -1) count += 1;
    const { user, system } = process.cpuUsage(started);
    file.close();
    return (user + system) / count;
  };
  await timed(2000);
  const few = await timed(2000);
  const many = await timed(24_000);
  await log.close();
  assert.ok(many < few * 6 + 5, `${few.toFixed(1)} us a line in a small file, ${many.toFixed(1)} us in a large one`);
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
